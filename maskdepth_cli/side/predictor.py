"""SIDE: photos to initial inverse depth at their own size. Arrays only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from maskdepth_cli.arrays import resize
from maskdepth_cli.choices import DepthKind
from maskdepth_cli.engine.runtime import autocast, pick_device, pick_precision, place_network
from maskdepth_cli.engine.wrapping import joined, widened
from maskdepth_cli.side.preprocessing import Preparation
from maskdepth_cli.side.settings import PredictSettings
from maskdepth_cli.types import InverseDepth, Photo


class Predictor:
    """Predicts inverse depth from photos with any SIDE network: arrays in, arrays out.

    Parameters
    ----------
    network : nn.Module
        ``(B, 3, h, w) -> (B, 1, h', w')``.
    prepare : callable
        Photo (H, W, 3) to network input (3, h, w).
    depth_kind : DepthKind
        What the network gives; turned into inverse depth as `kinds.inverse_of` does.
    settings : PredictSettings
        Test-time augmentation, batch size, device and precision.

    Raises
    ------
    UsageError
        The device or the precision cannot be had here.
    """

    def __init__(
        self,
        network: nn.Module,
        prepare: Preparation,
        *,
        depth_kind: DepthKind = "inverse",
        settings: PredictSettings | None = None,
    ) -> None:
        self.settings = settings or PredictSettings()
        self.device = pick_device(self.settings.device)
        self.dtype = pick_precision(self.settings.precision, self.device, rounds=False)
        self.network = place_network(network, self.device, compiled=self.settings.compiled)
        self.prepare = prepare
        self.depth_kind = depth_kind

    def predict(self, image: Photo) -> InverseDepth:
        """Predict one photo.

        Parameters
        ----------
        image : Photo
            (H, W, 3) RGB in [0, 1], or uint8 or uint16.

        Returns
        -------
        InverseDepth
            (H, W), up to scale and shift unless the network is metric; larger is nearer.
        """
        return self.predict_many([image])[0]

    def predict_many(self, images: Sequence[Photo]) -> list[InverseDepth]:
        """Predict photos of any sizes; those of equal network size share batches."""
        if not self.settings.wrap:
            return self._predict_many(images)
        wide = self._predict_many([widened(image) for image in images])
        return [joined(one, image.shape[1]) for one, image in zip(wide, images, strict=True)]

    def _predict_many(self, images: Sequence[Photo]) -> list[InverseDepth]:
        inputs = [self.prepare(image) for image in images]
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, prepared in enumerate(inputs):
            groups.setdefault(tuple(prepared.shape), []).append(index)
        maps: dict[int, InverseDepth] = {}
        step = self.settings.batch_size
        for indices in groups.values():
            for start in range(0, len(indices), step):
                chosen = indices[start : start + step]
                small = self._run(torch.stack([inputs[index] for index in chosen]))
                for index, array in zip(chosen, small, strict=True):
                    maps[index] = _to_size(array, images[index].shape[:2])
        return [maps[index] for index in range(len(images))]

    def _run(self, batch: Tensor) -> InverseDepth:
        """Inverse depth of a batch at network size, (B, h', w')."""
        batch = batch.to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode(), autocast(self.device, self.dtype):
            predicted = self._inverse(self.network(batch))
            if self.settings.tta == "flip":
                mirrored = self._inverse(self.network(batch.flip(-1))).flip(-1)
                predicted = (predicted + mirrored) / 2
        return np.asarray(predicted[:, 0].cpu().numpy(), np.float32)

    def _inverse(self, predicted: Tensor) -> Tensor:
        predicted = predicted.float()
        if self.depth_kind != "depth":
            return -predicted if self.depth_kind == "far" else predicted
        tiny = torch.finfo(torch.float32).tiny
        return torch.where(predicted > 0, 1 / predicted.clamp(min=tiny), torch.nan)


def _to_size(array: InverseDepth, shape: tuple[int, ...]) -> InverseDepth:
    """Bring a map to (H, W), cubic, within its own range: cubic steps overshoot."""
    resized = resize(array, (shape[0], shape[1]), "cubic")
    low, high = np.nanmin(array), np.nanmax(array)
    return np.clip(resized, low, high, out=resized)
