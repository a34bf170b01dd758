"""Make `examples/initial`: depth of the example photos, wrong as modern networks are wrong.

    python docs/example_depths.py   # after `make demo`

The layers that `make demo` found are spoilt as training spoils depth: by hard decisions, fitted to
how DPT-Large was measured to err on photos (`maskdepth_cli/training/hard_perturbation.py`).
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import torch

from maskdepth_cli.arrays import resize
from maskdepth_cli.files.depth_writing import write_depth
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.networks.config import DEPTH_RANGE
from maskdepth_cli.training.hard_perturbation import NUMBERS, SCALE, err_hard
from maskdepth_cli.training.variety import draw_fields

LONG_SIDE = 384  # of a map, at which the errors were measured
AS_MEASURED = -np.log(SCALE[0]) / np.log(SCALE[1] / SCALE[0])  # the number that means a scale of 1


def main() -> None:
    """Write a map a photo."""
    os.chdir(Path(__file__).parents[1])
    run, target = Path("demo/photos"), Path("examples/initial")
    target.mkdir(exist_ok=True)
    for index, path in enumerate(sorted(Path("examples/masks").glob("*.png"))):
        mask = read_mask(path)
        factor = LONG_SIDE / max(mask.shape)
        size = round(mask.shape[0] * factor), round(mask.shape[1] * factor)
        layers = [
            read_depth(run / "layers" / name / f"{path.stem}.tiff", "inverse")
            for name in ("foreground", "background")
        ]
        low = min(layer.min() for layer in layers)
        high = max(layer.max() for layer in layers)
        small = [(resize(one, size, "area") - low) / (high - low) * DEPTH_RANGE for one in layers]
        erred = spoilt(small[0], small[1], resize(mask, size, "area"), index)
        write_depth(target / f"{path.stem}.png", erred, format="png16", png_range=(0, DEPTH_RANGE))


def spoilt(front: np.ndarray, back: np.ndarray, mask: np.ndarray, seed: int) -> np.ndarray:
    """Composite two layers (H, W) in [0, 10] and spoil the result."""
    rng = np.random.default_rng(seed)
    fields = [
        cv2.resize(field, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
        for field in draw_fields(rng).astype(np.float32)
    ]
    numbers = rng.uniform(0, 1, NUMBERS).astype(np.float32)
    numbers[0], numbers[3] = AS_MEASURED, 1  # nor anything between no errors and all
    maps = [torch.from_numpy(np.float32(x))[None, None] for x in (front, back, mask)]
    composite = torch.lerp(maps[1], maps[0], maps[2])
    erred = err_hard(
        composite,
        *maps,
        torch.from_numpy(np.stack(fields))[None].clamp(0, 1),
        torch.from_numpy(numbers)[None],
        torch.ones(1),
    )
    return erred[0, 0].clamp(0, DEPTH_RANGE).numpy()


if __name__ == "__main__":
    main()
