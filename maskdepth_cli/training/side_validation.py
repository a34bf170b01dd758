"""How well a SIDE network predicts held-out frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
from torch import nn

from maskdepth_cli.choices import Device
from maskdepth_cli.metrics.alignment import align, normalise_truth
from maskdepth_cli.metrics.ordinal import whdr
from maskdepth_cli.side.predictor import Predictor
from maskdepth_cli.side.preprocessing import PREPROCESSING
from maskdepth_cli.side.settings import PredictSettings
from maskdepth_cli.training.sources import FrameFolder
from maskdepth_cli.types import InverseDepth


def side_validation(root: Path) -> Callable[[nn.Module], Mapping[str, float]]:
    """Return a function that measures a network on ``ROOT/{rgb,depth}``, see `side_figures`."""
    frames = FrameFolder(root)

    def measure(network: nn.Module) -> dict[str, float]:
        device = cast(Device, next(network.parameters()).device.type)
        predictor = Predictor(
            network, PREPROCESSING["lite"], settings=PredictSettings(device=device)
        )
        return side_figures(frames, lambda rgb: predictor.predict(rgb))

    return measure


def side_figures(
    frames: FrameFolder, predict: Callable[[np.ndarray], InverseDepth]
) -> dict[str, float]:
    """Mean RMSE and WHDR after scale-and-shift alignment, true inverse depth scaled to [0, 1].

    Parameters
    ----------
    frames
        With true inverse depth, known everywhere.
    predict
        (H, W, 3) float32 in [0, 1] to (H, W).
    """
    rows = []
    for index in range(len(frames)):
        frame = frames.frame(index)
        valid = np.isfinite(frame.depth)
        truth = normalise_truth(frame.depth, valid)
        aligned = align(predict(frame.rgb.astype(np.float32) / 255), truth, valid)
        error = (aligned - truth)[valid]
        rows.append((float(np.sqrt(np.mean(error**2))), whdr(aligned, truth, valid)))
    rmse, disagreement = np.mean(rows, axis=0)
    return {"rmse": float(rmse), "whdr": float(disagreement)}
