"""Photos, depth maps and masks of any number and size, drawn for benchmarks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from maskdepth_cli.training.drawn_masks import DrawnMasks

TWO_MEGAPIXELS = (1224, 1632)
Scene = tuple[Any, Any, Any]  # photo, depth, instance ids or a soft mask
FILIGREE = ("thin", "hair")  # drawn masks


def scene(size: tuple[int, int], instances: int) -> Scene:
    """Draw discs in a grid that cover a third of a photo; the depth of their edges is soft."""
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    columns = int(np.ceil(np.sqrt(instances)))
    rows = -(-instances // columns)
    cell = y * rows // height * columns + x * columns // width  # (H, W), index of the disc
    radius = np.sqrt(height * width / (3 * np.pi * rows * columns))
    down = (y * rows / height) % 1 - 0.5
    along = (x * columns / width) % 1 - 0.5
    disc = np.hypot(down * height / rows, along * width / columns) < radius
    ids = np.where(disc & (cell < instances), cell + 1, 0).astype(np.int32)
    depth = np.where(ids > 0, 6 + cell % 5, 1 + y / height).astype(np.float32)
    depth = cv2.GaussianBlur(depth, (0, 0), 0.004 * width)
    noise = np.random.default_rng(0).integers(0, 60, (height, width, 1), dtype=np.uint8)
    photo = cv2.blur(noise, (5, 5))[..., None] + (ids[..., None] * [37, 61, 89] % 190)
    return photo.astype(np.uint8), depth, ids


def filigree(size: tuple[int, int], index: int) -> Scene:
    """Draw trees, lattices, fences or hair all over a photo; depth as soft as a network's."""
    height, width = size
    rng = np.random.default_rng(index)
    masks = DrawnMasks(FILIGREE[index % len(FILIGREE)])
    (kind,) = masks.kinds
    rows = [np.hstack([masks.draw(kind, rng) for _ in range(3)]) for _ in range(2)]
    mask = cv2.resize(np.vstack(rows), (width, height), interpolation=cv2.INTER_AREA)
    photo, depth, _ = scene(size, 1)
    depth = cv2.GaussianBlur(1 + mask * depth, (0, 0), 0.004 * width)
    near = np.rint(photo * (1 - mask[..., None]) + mask[..., None] * [40, 90, 60])
    return near.astype(np.uint8), depth, mask


def write_album(root: Path, scenes: Sequence[Scene], photos: int) -> None:
    """Write photos, their masks (soft, or by instance) and their initial depth, in turn."""
    for index, (photo, depth, given) in zip(range(photos), itertools.cycle(scenes), strict=False):
        name = f"{index:03d}"
        (root / "masks" / name).mkdir(parents=True)
        for folder in ("photos", "depths"):
            (root / folder).mkdir(exist_ok=True)
        cv2.imwrite(str(root / f"photos/{name}.jpg"), np.roll(photo, index, 1))
        codes = (depth - depth.min()) * (65535 / np.ptp(depth))  # which any version reads
        cv2.imwrite(str(root / f"depths/{name}.png"), np.rint(codes).astype(np.uint16))
        soft = given.dtype == np.float32
        masks = [given] if soft else [given == number for number in range(1, given.max() + 1)]
        for number, mask in enumerate(masks, start=1):
            codes = np.rint(mask * np.float32(255)).astype(np.uint8)
            cv2.imwrite(str(root / f"masks/{name}/{number:03d}.png"), codes)
