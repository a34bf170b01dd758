"""What the loader does per sample: pick, crop, resize, find holes, draw every random number.

A sample is a pure function of the seed and its index, so a batch is the same whatever the number
of workers or ranks, and a killed run goes on exactly where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdepth_cli.training.recipe import DataSettings, PerturbationSettings
from maskdepth_cli.training.sources import Frame, FrameFolder

MAX_HOLES = 8  # the largest ones of a mask
MAX_HOLE_AREA = 0.25  # of the patch; a larger region is background, not a hole
NOISE_GRID = 8  # side of the low-frequency noise grids
ATTEMPTS = 20  # redraws of a mask whose area does not fit


@dataclass(frozen=True)
class Sample:
    """Arrays of one sample; stacked by `collate`. S is the patch side."""

    rgb: NDArray[np.float32]  # (2, 3, S, S): of the M layer and of the 1-M layer
    depth: NDArray[np.float32]  # (2, 1, S, S) inverse depth scaled to [0, 1]
    mask: NDArray[np.float32]  # (1, S, S) binary
    holes: NDArray[np.uint8]  # (1, S, S) 0 = none, else 1 + index into hole_blend
    paired: bool  # both layers are one frame: targets hold on their own side only
    layering: NDArray[np.float32]  # (3,) scale of either layer, offset of the M layer
    seam: float  # feathering of the RGB seam, pixels
    kernels: NDArray[np.int64]  # (2,) dilation and erosion, odd; 1 = none
    erode_first: bool
    partial: bool  # morphology only where the second noise is positive
    blur: float  # sigma in pixels
    hole_blend: NDArray[np.float32]  # (MAX_HOLES,) 0 = mean inside, 1 = mean around, NaN = left
    resample: float  # factor, 1 = none
    elastic: float  # pixels
    drift: float  # share
    noise: NDArray[np.float32]  # (4, G, G) in [-1, 1]: displacement x, y, partial mask, drift


@dataclass(frozen=True)
class Batch:
    """Samples stacked along a new first axis, by the names of `Sample`'s fields."""

    tensors: dict[str, Tensor]

    def to(self, device: torch.device) -> Batch:
        """Move every tensor."""
        return Batch({k: v.to(device, non_blocking=True) for k, v in self.tensors.items()})

    def __getitem__(self, name: str) -> Tensor:
        """Tensor (B, ...) of a field."""
        return self.tensors[name]


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples into a batch of tensors."""
    return Batch(
        {
            f.name: torch.from_numpy(np.stack([np.asarray(getattr(s, f.name)) for s in samples]))
            for f in fields(Sample)
        }
    )


def draw_sample(
    frames: FrameFolder,
    data: DataSettings,
    perturbation: PerturbationSettings,
    seed: int,
    index: int,
) -> Sample:
    """Draw the sample of a seed and an index."""
    rng = np.random.default_rng((seed, index))
    size = data.patch
    paired = bool(rng.random() < data.paired_share)
    front, mask = _masked_patch(frames, data, rng) if paired else (_patch(frames, data, rng), None)
    back = front
    if mask is None:
        back = _patch(frames, data, rng)
        mask = _masked_patch(frames, data, rng)[1]
    if rng.random() < 0.5 and not paired:
        mask = np.ascontiguousarray(mask[:, ::-1])
    return Sample(
        rgb=np.stack([_augment(front.rgb, data, rng)] * 2)
        if paired
        else np.stack([_augment(front.rgb, data, rng), _augment(back.rgb, data, rng)]),
        depth=np.stack([_unit(front.depth)[None], _unit(back.depth)[None]]),
        mask=mask[None],
        holes=find_holes(mask)[None],
        paired=paired,
        layering=_layering(data, rng, paired),
        seam=0.0 if paired else float(rng.uniform(0, data.seam)),
        **_draw_perturbation(perturbation, rng, size),
    )


def find_holes(mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Label the holes of a mask: components of 1-M that do not touch the border (spec section 3).

    Parameters
    ----------
    mask : array
        (H, W), 1 = object.

    Returns
    -------
    array
        (H, W) uint8; 0 = no hole, else 1 to `MAX_HOLES`, the largest first.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (mask < 0.5).astype(np.uint8), connectivity=4
    )
    height, width = mask.shape
    inside = (
        (stats[:, cv2.CC_STAT_LEFT] > 0)
        & (stats[:, cv2.CC_STAT_TOP] > 0)
        & (stats[:, cv2.CC_STAT_LEFT] + stats[:, cv2.CC_STAT_WIDTH] < width)
        & (stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT] < height)
        & (stats[:, cv2.CC_STAT_AREA] <= MAX_HOLE_AREA * mask.size)
    )
    inside[0] = False
    holes = sorted(np.flatnonzero(inside), key=lambda i: -stats[i, cv2.CC_STAT_AREA])[:MAX_HOLES]
    table = np.zeros(count, np.uint8)
    table[holes] = np.arange(1, len(holes) + 1)
    return table[labels]


def _patch(frames: FrameFolder, data: DataSettings, rng: np.random.Generator) -> Frame:
    """Draw a random crop of a random frame, resized and flipped, (S, S)."""
    frame = frames.frame(int(rng.integers(len(frames))))
    size = data.patch
    height, width = frame.depth.shape
    scale = max(float(np.exp(rng.uniform(*np.log(data.scale)))), size / min(height, width))
    side = min(round(size / scale), height, width)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    window = np.s_[top : top + side, left : left + side]
    flip = -1 if rng.random() < 0.5 else 1
    area = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR

    def resized(array: NDArray[Any], interpolation: int) -> NDArray[Any]:
        crop = np.ascontiguousarray(array[window][:, ::flip])
        return crop if side == size else cv2.resize(crop, (size, size), interpolation=interpolation)

    # Depth and instances by nearest neighbour: a mixture of two surfaces is no depth.
    return Frame(
        rgb=resized(frame.rgb, area),
        depth=resized(frame.depth, cv2.INTER_NEAREST_EXACT),
        instances=None
        if frame.instances is None
        else resized(frame.instances.astype(np.float32), cv2.INTER_NEAREST_EXACT).astype(np.int32),
    )


def _masked_patch(
    frames: FrameFolder, data: DataSettings, rng: np.random.Generator
) -> tuple[Frame, NDArray[np.float32]]:
    """Draw a patch and one of its own regions as a binary mask of allowed area."""
    kind = rng.random()
    wants_sky, wants_holes = kind < data.sky_share, kind > 1 - data.holes_share
    fallback = None
    for attempt in range(ATTEMPTS):
        frame = _patch(frames, data, rng)
        if frame.instances is None:
            raise ValueError(f"{frames.root}: masks are drawn from seg/, which this set lacks")
        ids, counts = np.unique(frame.instances, return_counts=True)
        shares = counts / frame.instances.size
        fits = ids[(shares >= data.mask_area[0]) & (shares <= data.mask_area[1])]
        if not len(fits):
            continue
        chosen = 0 if wants_sky and 0 in fits else int(rng.choice(fits))
        mask = (frame.instances == chosen).astype(np.float32)
        found = (wants_sky and chosen == 0) or (wants_holes and find_holes(mask).any())
        if found or not (wants_sky or wants_holes) or attempt == ATTEMPTS - 1:
            return frame, mask
        fallback = frame, mask
    if fallback is None:
        raise ValueError(f"{frames.root}: no region covers a share of {data.mask_area} of a patch")
    return fallback


def _layering(data: DataSettings, rng: np.random.Generator, paired: bool) -> NDArray[np.float32]:
    """Scales and offset that put the M layer before the 1-M layer, or across it."""
    front, back = rng.uniform(*data.affine_scale, size=2)
    if paired:
        return np.array([1, 1, 0], np.float32)
    if rng.random() < data.nearer_share:
        return np.array([front, back, back + rng.uniform(0, data.gap)], np.float32)
    return np.array([front, back, rng.uniform(-front, back)], np.float32)


def _draw_perturbation(
    p: PerturbationSettings, rng: np.random.Generator, size: int
) -> dict[str, Any]:
    scale = size / 320

    def kernel() -> int:
        large = rng.random() < p.large_kernel_share
        radius = rng.uniform(p.kernel[0], p.large_kernel if large else p.kernel[1]) * scale / 2
        return 2 * max(round(radius - 0.5), 0) + 1

    def happens(share: float) -> bool:
        return bool(rng.random() < share)

    morphs = happens(p.morphology_share)
    blend = rng.random(MAX_HOLES)
    blend[rng.random(MAX_HOLES) >= p.hole_share] = np.nan
    return {
        "kernels": np.array([kernel(), kernel()] if morphs else [1, 1], np.int64),
        "erode_first": happens(0.5),
        "partial": happens(p.partial_share),
        "blur": float(rng.uniform(*p.blur)) * scale if happens(p.blur_share) else 0.0,
        "hole_blend": blend.astype(np.float32),
        "resample": float(rng.uniform(*p.resample)) if happens(p.resample_share) else 1.0,
        "elastic": float(rng.uniform(0, p.elastic)) * scale if happens(p.elastic_share) else 0.0,
        "drift": float(rng.uniform(0, p.drift)) if happens(p.drift_share) else 0.0,
        "noise": rng.uniform(-1, 1, (4, NOISE_GRID, NOISE_GRID)).astype(np.float32),
    }


def _augment(
    rgb: NDArray[np.uint8], data: DataSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """JPEG, grayscale, brightness, contrast and saturation; returns (3, S, S) in [0, 1]."""
    if rng.random() < data.jpeg_share:
        quality = int(rng.integers(30, 95))
        rgb = cv2.imdecode(cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
    image = rgb.astype(np.float32) / 255
    gray = image @ np.array([0.299, 0.587, 0.114], np.float32)
    brightness, contrast, saturation = rng.uniform(1 - data.jitter, 1 + data.jitter, 3)
    if rng.random() < data.gray_share:
        saturation = 0
    image = gray[..., None] + (image - gray[..., None]) * np.float32(saturation)
    image = ((image - gray.mean()) * contrast + gray.mean()) * brightness
    return np.clip(image, 0, 1).astype(np.float32).transpose(2, 0, 1)


def _unit(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(depth.min()), float(depth.max())
    return (depth - low) / max(high - low, 1e-6 * max(abs(high), 1e-6))
