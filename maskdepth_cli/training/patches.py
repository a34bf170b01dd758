"""Random squares of frames and masks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MaskKind
from maskdepth_cli.errors import UsageError
from maskdepth_cli.training.frame_sets import Frames
from maskdepth_cli.training.mask_sets import Masks
from maskdepth_cli.training.masks import find_holes
from maskdepth_cli.training.recipe import DataSettings
from maskdepth_cli.training.sources import TrainingFrame
from maskdepth_cli.types import Mask

ATTEMPTS = 100  # redraws of what does not fit
CROP = (0.5, 1.0)  # side of a mask's crop, of the mask's short side


def draw_patch(frames: Frames, data: DataSettings, rng: np.random.Generator) -> TrainingFrame:
    """Draw a random crop of a random frame whose depth is known to a large part."""
    for _ in range(ATTEMPTS):
        patch = _crop(frames.draw(rng), data, rng)
        if np.isfinite(patch.depth).mean() >= data.known_share:
            return patch
    raise UsageError(
        f"{frames.name}: of {ATTEMPTS} patches none is known to a share of {data.known_share}; "
        "lower known_share in [data]"
    )


def _crop(frame: TrainingFrame, data: DataSettings, rng: np.random.Generator) -> TrainingFrame:
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
    return TrainingFrame(
        rgb=resized(frame.rgb, area),
        depth=resized(frame.depth, cv2.INTER_NEAREST_EXACT),
        initial=None if frame.initial is None else resized(frame.initial, area),
        instances=None
        if frame.instances is None
        else resized(frame.instances.astype(np.float32), cv2.INTER_NEAREST_EXACT).astype(np.int32),
    )


def draw_masked_patch(
    frames: Frames, data: DataSettings, rng: np.random.Generator
) -> tuple[TrainingFrame, NDArray[np.float32]]:
    """Draw a patch and one of its own regions as a binary mask of allowed area."""
    if frames.labelled is None:
        raise UsageError(f"{frames.name}: masks are drawn from instance maps, which this set lacks")
    frames = frames.labelled
    kind = rng.random()
    wants_sky, wants_holes = kind < data.sky_share, kind > 1 - data.holes_share
    fallback = None
    for attempt in range(ATTEMPTS):
        frame = draw_patch(frames, data, rng)
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


def draw_mask(
    masks: Masks, data: DataSettings, rng: np.random.Generator
) -> tuple[NDArray[np.float32], MaskKind]:
    """Draw a crop of a mask that covers an allowed area, and its kind.

    The crop is (S, S), binary or as soft as it is.

    By the paper's shares of kinds; what no set has is drawn as an object. Where a mask with holes
    is wanted, and none turns up, it is one without.
    """
    share = rng.random()
    wanted: MaskKind = "object"
    if share < data.sky_share:
        wanted = "sky"
    elif share > 1 - data.human_share:
        wanted = "human"
    others: MaskKind = "object" if "object" in masks.kinds else min(masks.kinds)
    kind = wanted if wanted in masks.kinds else others
    fallback = None
    for _ in range(ATTEMPTS):
        whole = masks.draw(kind, rng)
        crop = None if whole is None else _mask_crop(whole, data, rng)
        if crop is None or not data.mask_area[0] <= crop.mean() <= data.mask_area[1]:
            continue
        if share <= 1 - data.holes_share or find_holes(crop).any():
            return crop, kind
        fallback = crop
    if fallback is None:
        raise UsageError(
            f"of {ATTEMPTS} masks none covers a share of {data.mask_area} of a patch; "
            "change mask_area in [data]"
        )
    return fallback, kind


def _mask_crop(
    mask: NDArray[np.uint8] | Mask, data: DataSettings, rng: np.random.Generator
) -> Mask:
    height, width = mask.shape
    side = max(round(min(height, width) * rng.uniform(*CROP)), 2)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = mask[top : top + side, left : left + side].astype(np.float32)
    if not data.soft_masks:
        crop = (crop > 0.5).astype(np.float32)
    size = (data.patch, data.patch)
    area = cv2.INTER_AREA if side > data.patch else cv2.INTER_LINEAR
    resized = cv2.resize(crop, size, interpolation=area)
    return resized if data.soft_masks else (resized > 0.5).astype(np.float32)
