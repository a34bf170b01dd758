"""Numbers to colours: depth, change of depth, instances."""

from __future__ import annotations

from functools import cache
from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import Colormap
from maskdepth_cli.types import InstanceMap, InverseDepth

UNKNOWN = (96, 96, 96)
"""Colour of pixels without a depth."""

COLORMAPS: tuple[Colormap, ...] = get_args(Colormap)
"""Names of colour maps, as Matplotlib has them; the first is the default."""

_ENOUGH = 1_000_000  # values for percentiles
_SPECTRAL = "5e4fa2 3288bd 66c2a5 abdda4 e6f598 ffffbf fee08b fdae61 f46d43 d53e4f 9e0142"


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
    thinned = [values.ravel()[:: max(1, values.size // _ENOUGH)] for values in maps]
    finite = [values[np.isfinite(values)] for values in thinned]
    ends = [np.percentile(values, (1, 99)) for values in finite if values.size]
    low = min((float(low) for low, _ in ends), default=0.0)
    high = max((float(high) for _, high in ends), default=1.0)
    return (low, high) if high > low else (low, low + 1.0)


def color_depth(
    depth: InverseDepth, low: float, high: float, colormap: str = COLORMAPS[0]
) -> NDArray[np.uint8]:
    """Return inverse depth in colours, by default from blue (far) through yellow to red (near).

    Parameters
    ----------
    depth
        Inverse depth (H, W).
    low, high
        Values of the farthest and the nearest colour.
    colormap
        One of `COLORMAPS`.

    Returns
    -------
    ndarray
        RGB (H, W, 3), uint8; unknown pixels gray.
    """
    known = np.isfinite(depth)
    scaled = np.clip((np.where(known, depth, low) - low) / (high - low), 0, 1)
    colors = _far_to_near(colormap)[np.rint(scaled * 255).astype(np.uint8)]
    colors[~known] = UNKNOWN
    return colors


@cache
def _far_to_near(colormap: str) -> NDArray[np.uint8]:
    """Return 256 colours (256, 3); those of Spectral_r lie between ColorBrewer's, backwards."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    if colormap == "gray":
        return np.repeat(ramp, 3, axis=1)
    if colormap != "Spectral_r":
        table = {"inferno": cv2.COLORMAP_INFERNO, "turbo": cv2.COLORMAP_TURBO}[colormap]
        return np.asarray(cv2.applyColorMap(ramp, table)[:, 0, ::-1], dtype=np.uint8)
    anchors = np.array([list(bytes.fromhex(code)) for code in _SPECTRAL.split()], np.float64)
    steps = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(steps, np.arange(len(anchors)), anchors[:, i]) for i in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def color_instances(instances: InstanceMap) -> NDArray[np.uint8]:
    """Return an instance map with one colour an id, the same in every picture; none is black.

    Parameters
    ----------
    instances
        Ids (H, W), 0 = none.

    Returns
    -------
    ndarray
        RGB (H, W, 3), uint8.
    """
    # Steps of the golden ratio around the circle keep the hues of neighbouring ids apart.
    hue = np.rint((instances * 0.618034) % 1 * 179).astype(np.uint8)
    value = np.where(instances > 0, 235, 0).astype(np.uint8)
    hsv = np.stack([hue, np.full_like(hue, 170), value], axis=-1)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.uint8)


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
