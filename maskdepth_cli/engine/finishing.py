"""Refined depth as the next tool needs it: hard edges, a wider object, the sky, how sure it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.engine.settings import FinishSettings
from maskdepth_cli.types import InverseDepth, Mask

if TYPE_CHECKING:
    from maskdepth_cli.engine.result import RefinedDepth

_FULL_CHANGE = 0.25  # share of the range from which on nothing of a value is sure


def finish(
    refined: RefinedDepth, settings: FinishSettings, sky: Mask | None = None, *, wrap: bool = False
) -> RefinedDepth:
    """Change a refined depth as it is wanted.

    Parameters
    ----------
    refined : RefinedDepth
        With layers, where edges or growth are wanted; all (H, W).
    settings : FinishSettings
        What is wanted.
    sky : Mask, optional
        (H, W) in [0, 1]. The background's and the depth's values there become the smallest known
        inverse depth, mixed as the mask is, or NaN from a share of one half on.
    wrap : bool
        Whether the last column is beside the first: the object grows over there, too.

    Returns
    -------
    RefinedDepth
        Pixels of which nothing is wanted are those of `refined`, bit for bit.
    """
    if settings.recomposes:
        refined = _recomposed(refined, settings, wrap)
    if sky is not None:
        refined = _with_sky(refined, sky, settings)
    return refined


def _recomposed(refined: RefinedDepth, settings: FinishSettings, wrap: bool) -> RefinedDepth:
    """Composite the layers with another mask, where it is another one."""
    import cv2

    mask = refined.mask
    if settings.grow:
        reach = abs(settings.grow)
        rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disc = (np.hypot(rows, columns) <= reach).astype(np.uint8)
        if wrap:
            mask = np.pad(mask, ((0, 0), (reach, reach)), mode="wrap")
        mask = np.asarray((cv2.dilate if settings.grow > 0 else cv2.erode)(mask, disc))
        if wrap:
            mask = mask[:, reach:-reach]
    if settings.edges == "hard":
        mask = (mask >= 0.5).astype(np.float32)
    other = mask != refined.mask
    with np.errstate(invalid="ignore"):
        mixed = mask * refined.foreground + (1 - mask) * refined.background
    mixed = np.where(mask >= 1, refined.foreground, np.where(mask <= 0, refined.background, mixed))
    depth = np.where(other, mixed, refined.depth).astype(np.float32)
    return replace(
        refined, depth=depth, changed=refined.changed | (other & _differ(depth, refined))
    )


def _differ(depth: InverseDepth, refined: RefinedDepth) -> NDArray[np.bool_]:
    return (depth != refined.depth) & ~(np.isnan(depth) & np.isnan(refined.depth))


def _with_sky(refined: RefinedDepth, sky: Mask, settings: FinishSettings) -> RefinedDepth:
    known = refined.depth[np.isfinite(refined.depth)]
    farthest = np.float32(known.min()) if known.size else np.float32(0)

    def masked(values: InverseDepth) -> InverseDepth:
        if settings.sky_as == "unknown":
            return np.where(sky >= 0.5, np.float32(np.nan), values)
        share = (sky >= 0.5).astype(np.float32) if settings.edges == "hard" else sky
        full = np.where(np.isfinite(values), values, farthest)
        return np.where(share > 0, full + share * (farthest - full), values).astype(np.float32)

    depth = masked(refined.depth)
    return replace(
        refined,
        depth=depth,
        background=masked(refined.background),
        changed=refined.changed | _differ(depth, refined),
    )


def confidence_of(initial: InverseDepth, refined: RefinedDepth) -> NDArray[np.float32]:
    """Return how sure a refined depth is.

    1 where it is the initial depth, bit for bit. Elsewhere ``(1 - min(1, 4 c)) (1 - 2 m)``: ``c``
    is the change as a share of the range of known initial depth, and ``m = min(M, 1 - M)`` how
    mixed the mask is, whose pixels show two depths. 0 where the depth is unknown.

    Parameters
    ----------
    initial : InverseDepth
        (H, W).
    refined : RefinedDepth
        What came of it.

    Returns
    -------
    array
        float32 (H, W) in [0, 1].
    """
    known = initial[np.isfinite(initial)]
    span = float(np.ptp(known)) if known.size else 0.0
    with np.errstate(invalid="ignore"):
        change = np.abs(refined.depth - initial) / (span or 1.0)
    sure = 1 - np.minimum(change / _FULL_CHANGE, 1)
    sure *= 1 - 2 * np.minimum(refined.mask, 1 - refined.mask)
    sure = np.where(np.isfinite(sure), sure, 0)  # what was unknown and has a value is completed
    sure = np.where(refined.depth == initial, 1, sure)
    return np.where(np.isfinite(refined.depth), sure, 0).astype(np.float32)
