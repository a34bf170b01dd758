"""What the loader does per sample: pick, crop, resize, find holes, draw every random number.

A sample is a pure function of the seed and its index, so a batch is the same whatever the number
of workers or ranks, and a killed run goes on exactly where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdepth_cli.engine.fills import fill_nearest
from maskdepth_cli.errors import UsageError
from maskdepth_cli.training.frame_sets import Frames
from maskdepth_cli.training.mask_sets import Kind, Masks
from maskdepth_cli.training.masks import MAX_HOLES, find_holes
from maskdepth_cli.training.recipe import DataSettings, PerturbationSettings
from maskdepth_cli.training.sources import Frame
from maskdepth_cli.types import InverseDepth

NOISE_GRID = 8  # side of the low-frequency noise grids
ATTEMPTS = 100  # redraws of a mask whose area does not fit
CROP = (0.5, 1.0)  # side of a mask's crop, of the mask's short side


@dataclass(frozen=True)
class Sample:
    """Arrays of one sample; stacked by `collate`. S is the patch side."""

    rgb: NDArray[np.float32]  # (2, 3, S, S): of the M layer and of the 1-M layer
    depth: NDArray[np.float32]  # (2, 1, S, S) inverse depth scaled to [0, 1], gaps filled
    known: NDArray[np.bool_]  # (2, 1, S, S) where it is no gap
    mask: NDArray[np.float32]  # (1, S, S) binary
    holes: NDArray[np.uint8]  # (1, S, S) 0 = none, else 1 + index into hole_blend
    initial: NDArray[np.float32]  # (1, S, S) a SIDE network's depth, in units of ``depth``
    predicted: bool  # ``initial`` is the spoilt depth
    paired: bool  # both layers are one frame: targets hold on their own side only
    layering: NDArray[np.float32]  # (3,) scale of either layer, offset of the M layer
    window: NDArray[np.float32]  # (2,) scale and offset of the patch's depth within [0, 1]
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
    frames: Frames,
    data: DataSettings,
    perturbation: PerturbationSettings,
    seed: int,
    index: int,
    masks: Masks | None = None,
) -> Sample:
    """Draw the sample of a seed and an index.

    Parameters
    ----------
    frames : Frames
        RGB-D frames.
    data, perturbation
        What is drawn.
    seed, index : int
        The sample is a pure function of these.
    masks : Masks, optional
        Masks of composites; without, regions of other frames.
    """
    rng = np.random.default_rng((seed, index))
    size = data.patch
    paired = bool(rng.random() < data.paired_share)
    if paired:
        front, mask = _masked_patch(frames, data, rng)
        back = front
    else:
        front, back = _patch(frames, data, rng), _patch(frames, data, rng)
        mask = _mask_of_set(masks, data, rng) if masks else _masked_patch(frames, data, rng)[1]
        if rng.random() < 0.5:
            mask = np.ascontiguousarray(mask[:, ::-1])
    initial = front.initial if paired and rng.random() < data.predicted_share else None
    if initial is not None and not np.isfinite(initial).all():
        initial = None
    known = np.stack([np.isfinite(frame.depth)[None] for frame in (front, back)])
    front, back = (replace(frame, depth=_filled(frame.depth)) for frame in (front, back))
    rgb = [_augment(front.rgb, data, rng)]
    rgb.append(rgb[0] if paired else _augment(back.rgb, data, rng))
    return Sample(
        rgb=np.stack(rgb),
        depth=np.stack([_unit(frame.depth, frame.depth)[None] for frame in (front, back)]),
        known=known,
        mask=mask[None],
        holes=find_holes(mask)[None],
        initial=_unit(front.depth if initial is None else initial, front.depth)[None],
        predicted=initial is not None,
        paired=paired,
        layering=_layering(data, rng, paired),
        window=_window(data, rng),
        seam=0.0 if paired else float(rng.uniform(0, data.seam)),
        **_draw_perturbation(perturbation, rng, size),
    )


def _patch(frames: Frames, data: DataSettings, rng: np.random.Generator) -> Frame:
    """Draw a random crop of a random frame whose depth is known to a large part."""
    for _ in range(ATTEMPTS):
        patch = _crop(frames.draw(rng), data, rng)
        if np.isfinite(patch.depth).mean() >= data.known_share:
            return patch
    raise UsageError(
        f"{frames.name}: of {ATTEMPTS} patches none is known to a share of {data.known_share}; "
        "lower known_share in [data]"
    )


def _crop(frame: Frame, data: DataSettings, rng: np.random.Generator) -> Frame:
    """Cut a random square, flip it by a fair coin, resize it to (S, S)."""
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
        initial=None if frame.initial is None else resized(frame.initial, area),
        instances=None
        if frame.instances is None
        else resized(frame.instances.astype(np.float32), cv2.INTER_NEAREST_EXACT).astype(np.int32),
    )


def _masked_patch(
    frames: Frames, data: DataSettings, rng: np.random.Generator
) -> tuple[Frame, NDArray[np.float32]]:
    """Draw a patch and one of its own regions as a binary mask of allowed area."""
    if frames.labelled is None:
        raise UsageError(f"{frames.name}: masks are drawn from instance maps, which this set lacks")
    frames = frames.labelled
    kind = rng.random()
    wants_sky, wants_holes = kind < data.sky_share, kind > 1 - data.holes_share
    fallback = None
    for attempt in range(ATTEMPTS):
        frame = _patch(frames, data, rng)
        if frame.instances is None:
            continue
        ids, counts = np.unique(frame.instances, return_counts=True)
        shares = counts / frame.instances.size
        fits = ids[(ids >= 0) & (shares >= data.mask_area[0]) & (shares <= data.mask_area[1])]
        if not len(fits):
            continue
        chosen = 0 if wants_sky and 0 in fits else int(rng.choice(fits))
        mask = (frame.instances == chosen).astype(np.float32)
        found = (wants_sky and chosen == 0) or (wants_holes and find_holes(mask).any())
        if found or not (wants_sky or wants_holes) or attempt == ATTEMPTS - 1:
            return frame, mask
        fallback = frame, mask
    if fallback is None:
        raise UsageError(f"{frames.name}: no region covers a share of {data.mask_area} of a patch")
    return fallback


def _mask_of_set(masks: Masks, data: DataSettings, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a crop of a mask that covers an allowed area, (S, S) binary.

    By the paper's shares of kinds; what no set has is drawn as an object. Where a mask with holes
    is wanted, and none turns up, it is one without.
    """
    share = rng.random()
    wanted: Kind = "object"
    if share < data.sky_share:
        wanted = "sky"
    elif share > 1 - data.human_share:
        wanted = "human"
    kind = wanted if wanted in masks.kinds else "object" if "object" in masks.kinds else None
    fallback = None
    for _ in range(ATTEMPTS):
        whole = masks.draw(kind or sorted(masks.kinds)[0], rng)
        crop = None if whole is None else _mask_crop(whole, data, rng)
        if crop is None or not data.mask_area[0] <= crop.mean() <= data.mask_area[1]:
            continue
        if share <= 1 - data.holes_share or find_holes(crop).any():
            return crop
        fallback = crop
    if fallback is None:
        raise UsageError(
            f"of {ATTEMPTS} masks none covers a share of {data.mask_area} of a patch; "
            "change mask_area in [data]"
        )
    return fallback


def _mask_crop(
    mask: NDArray[np.uint8], data: DataSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    height, width = mask.shape
    side = max(round(min(height, width) * rng.uniform(*CROP)), 2)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = mask[top : top + side, left : left + side].astype(np.float32)
    size = (data.patch, data.patch)
    area = cv2.INTER_AREA if side > data.patch else cv2.INTER_LINEAR
    return (cv2.resize(crop, size, interpolation=area) > 0.5).astype(np.float32)


def _layering(data: DataSettings, rng: np.random.Generator, paired: bool) -> NDArray[np.float32]:
    """Scales and offset that put the M layer before the 1-M layer, or across it."""
    front, back = rng.uniform(*data.affine_scale, size=2)
    if paired:
        return np.array([1, 1, 0], np.float32)
    if rng.random() < data.nearer_share:
        return np.array([front, back, back + rng.uniform(0, data.gap)], np.float32)
    return np.array([front, back, rng.uniform(-front, back)], np.float32)


def _window(data: DataSettings, rng: np.random.Generator) -> NDArray[np.float32]:
    """Scale and offset of the patch's depth: a patch of an image spans a part of its range."""
    scale = float(np.exp(rng.uniform(*np.log(data.window))))
    return np.array([scale, rng.uniform(0, 1 - scale) if scale < 1 else 0], np.float32)


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
        encoded = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        rgb = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    image = rgb.astype(np.float32) / 255
    gray = image @ np.array([0.299, 0.587, 0.114], np.float32)
    brightness, contrast, saturation = rng.uniform(1 - data.jitter, 1 + data.jitter, 3)
    if rng.random() < data.gray_share:
        saturation = 0
    image = gray[..., None] + (image - gray[..., None]) * np.float32(saturation)
    image = ((image - gray.mean()) * contrast + gray.mean()) * brightness
    return np.clip(image, 0, 1).astype(np.float32).transpose(2, 0, 1)


def _unit(depth: NDArray[np.float32], of: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale ``depth`` as brings ``of`` to [0, 1]."""
    low, high = float(of.min()), float(of.max())
    return (depth - low) / max(high - low, 1e-6 * max(abs(high), 1e-6))


def _filled(depth: InverseDepth) -> InverseDepth:
    known = np.isfinite(depth)
    return depth if known.all() else fill_nearest(depth, known)
