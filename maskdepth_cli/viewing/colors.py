"""Numbers to colours: depth, change of depth, instances."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import InverseDepth

UNKNOWN = (96, 96, 96)
"""Colour of pixels without a depth."""


def depth_range(*maps: InverseDepth) -> tuple[float, float]:
    """Return the range of values to colour, shared by all maps.

    Parameters
    ----------
    maps
        Inverse depth (H, W); values that are not finite are left aside.

    Returns
    -------
    low, high
        The 1st and the 99th percentile of each map, the widest of them; `high > low`.
    """
    finite = [values[np.isfinite(values)] for values in maps]
    ends = [np.percentile(values, (1, 99)) for values in finite if values.size]
    low = min((float(low) for low, _ in ends), default=0.0)
    high = max((float(high) for _, high in ends), default=1.0)
    return (low, high) if high > low else (low, low + 1.0)


def color_depth(depth: InverseDepth, low: float, high: float) -> NDArray[np.uint8]:
    """Return inverse depth in the colours of `inferno`: near is bright.

    Parameters
    ----------
    depth
        Inverse depth (H, W).
    low, high
        Values of the darkest and the brightest colour.

    Returns
    -------
    ndarray
        RGB (H, W, 3), uint8; unknown pixels gray.
    """
    known = np.isfinite(depth)
    scaled = np.clip((np.where(known, depth, low) - low) / (high - low), 0, 1)
    codes = np.rint(scaled * 255).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(codes, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    colors[~known] = UNKNOWN
    return np.asarray(colors, dtype=np.uint8)


def color_change(
    before: InverseDepth, after: InverseDepth, span: float, backdrop: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return where depth changed: red moved nearer, blue moved farther, over a dim photo.

    Parameters
    ----------
    before, after
        Inverse depth (H, W).
    span
        The change that gets the full colour.
    backdrop
        The photo, RGB (H, W, 3), uint8.

    Returns
    -------
    ndarray
        RGB (H, W, 3), uint8.
    """
    with np.errstate(invalid="ignore"):
        change = np.nan_to_num((after - before) / span, nan=0.0, posinf=1.0, neginf=-1.0)
    gray = cv2.cvtColor(backdrop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    dim = np.repeat(gray[..., None] * 0.35, 3, axis=2)
    tint = np.where(change[..., None] > 0, (255.0, 70.0, 50.0), (60.0, 140.0, 255.0))
    strength = np.clip(np.abs(change), 0, 1)[..., None] ** 0.5  # the root shows small changes too
    mixed = dim * (1 - strength) + tint * strength
    return np.asarray(np.rint(mixed), dtype=np.uint8)
