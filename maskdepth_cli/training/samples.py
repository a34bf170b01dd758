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

from maskdepth_cli.choices import MaskKind
from maskdepth_cli.methods.fills import fill_nearest
from maskdepth_cli.training.frame_sets import Frames
from maskdepth_cli.training.hard_perturbation import NUMBERS
from maskdepth_cli.training.mask_sets import Masks
from maskdepth_cli.training.masks import MAX_HOLES, find_holes
from maskdepth_cli.training.patches import draw_mask, draw_masked_patch, draw_patch
from maskdepth_cli.training.recipe import DataSettings, PerturbationSettings
from maskdepth_cli.training.variety import (
    draw_fields,
    stand_before,
    step_parts,
    vary_front,
    wrong_edge,
)
from maskdepth_cli.types import InverseDepth

NOISE_GRID = 8  # side of the low-frequency noise grids


@dataclass(frozen=True)
class TrainingSample:
    """Arrays of one sample; stacked by `collate`. S is the patch side."""

    rgb: NDArray[np.float32]  # (2, 3, S, S): of the M layer and of the 1-M layer
    depth: NDArray[np.float32]  # (2, 1, S, S) inverse depth scaled to [0, 1], gaps filled
    known: NDArray[np.bool_]  # (2, 1, S, S) where it is no gap
    mask: NDArray[np.float32]  # (1, S, S), binary unless the recipe wants soft ones
    given: NDArray[np.float32]  # (1, S, S) the mask that the network is given
    holes: NDArray[np.uint8]  # (1, S, S) 0 = none, else 1 + index into hole_blend
    initial: NDArray[np.float32]  # (1, S, S) a SIDE network's depth, in units of ``depth``
    predicted: bool  # ``initial`` is the spoilt depth
    paired: bool  # both layers are one frame: targets hold on their own side only
    layering: NDArray[np.float32]  # (3,) scale of either layer, offset of the M layer
    window: NDArray[np.float32]  # (2,) scale and offset of the patch's depth within [0, 1]
    seam: float  # feathering of the RGB seam, pixels
    kernels: NDArray[np.int64]  # (2,) dilation and erosion, odd; 1 = none
    erode_first: bool
    partial: bool  # morphology only where the third noise is positive
    blur: float  # sigma in pixels
    hole_blend: NDArray[np.float32]  # (MAX_HOLES,) 0 = mean inside, 1 = mean around, NaN = left
    resample: float  # factor, 1 = none
    elastic: float  # pixels
    drift: float  # share
    noise: NDArray[np.float32]  # (4, G, G) in [-1, 1]: displacement x, y, partial mask, drift
    hard: bool  # perturbed by hard decisions
    fills: bool  # these fill gaps, too
    fields: NDArray[np.float16]  # of these, see `err_hard`
    numbers: NDArray[np.float32]  # likewise


@dataclass(frozen=True)
class Batch:
    """Samples stacked along a new first axis, by the names of `TrainingSample`'s fields."""

    tensors: dict[str, Tensor]

    def to(self, device: torch.device) -> Batch:
        """Move every tensor."""
        return Batch({k: v.to(device, non_blocking=True) for k, v in self.tensors.items()})

    def pin_memory(self) -> Batch:
        """Move every tensor to where a GPU copies from fastest."""
        return Batch({k: v.pin_memory() for k, v in self.tensors.items()})

    def named(self) -> dict[str, Tensor]:
        """Return the tensors by the names of the fields."""
        return dict(self.tensors)

    def __getitem__(self, name: str) -> Tensor:
        """Tensor (B, ...) of a field."""
        return self.tensors[name]


def collate(samples: Sequence[TrainingSample]) -> Batch:
    """Stack samples into a batch of tensors."""
    return Batch(
        {
            f.name: torch.from_numpy(np.stack([np.asarray(getattr(s, f.name)) for s in samples]))
            for f in fields(TrainingSample)
        }
    )


def draw_sample(
    frames: Frames,
    data: DataSettings,
    perturbation: PerturbationSettings,
    seed: int,
    index: int,
    masks: Masks | None = None,
) -> TrainingSample:
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
    kind: MaskKind = "object"
    if paired:
        front, mask = draw_masked_patch(frames, data, rng)
        back = front
    else:
        front, back = draw_patch(frames, data, rng), draw_patch(frames, data, rng)
        if masks:
            mask, kind = draw_mask(masks, data, rng)
        else:
            mask = draw_masked_patch(frames, data, rng)[1]
        if rng.random() < 0.5:
            mask = np.ascontiguousarray(mask[:, ::-1])
    more = np.random.default_rng((seed, index, 1))  # what older recipes do not draw
    if not paired:
        front = vary_front(front, data, more)
    initial = front.initial if paired and rng.random() < data.predicted_share else None
    if initial is not None and not np.isfinite(initial).all():
        initial = None
    known = np.stack([np.isfinite(frame.depth)[None] for frame in (front, back)])
    front, back = (replace(frame, depth=_filled(frame.depth)) for frame in (front, back))
    rgb = [_augment(front.rgb, data, rng)]
    rgb.append(rgb[0] if paired else _augment(back.rgb, data, rng))
    depths = [_unit(frame.depth, frame.depth)[None] for frame in (front, back)]
    layering = _layering(data, rng, paired)
    if not paired and more.random() < data.around_share:
        layering = stand_before((depths[0][0], depths[1][0]), mask, more)
    if not paired and kind == "object" and data.parts_share > 0:
        parts = np.random.default_rng((seed, index, 2))  # of what is newer yet
        if parts.random() < data.parts_share:
            depths[0] = step_parts((depths[0][0], depths[1][0]), layering, mask, parts)[None]
    given = wrong_edge(mask, more) if more.random() < data.wrong_share else mask
    order = slice(None)
    if more.random() < data.turned_share:
        mask, given, order = 1 - mask, 1 - given, slice(None, None, -1)
        layering = layering[[1, 0, 2]] * np.array([1, 1, -1], np.float32)
    return TrainingSample(
        rgb=np.stack(rgb[order]),
        depth=np.stack(depths[order]),
        known=known[order],
        mask=mask[None],
        given=given[None],
        holes=find_holes(mask)[None],
        initial=_unit(front.depth if initial is None else initial, front.depth)[None],
        predicted=initial is not None,
        paired=paired,
        layering=layering,
        window=_window(data, rng),
        seam=0.0 if paired else float(rng.uniform(0, data.seam)),
        **_draw_perturbation(perturbation, rng, size),
        hard=bool(more.random() < perturbation.hard_share),
        fills=bool(more.random() < perturbation.gap_share),
        fields=draw_fields(more),
        numbers=more.uniform(0, 1, NUMBERS).astype(np.float32),
    )


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
