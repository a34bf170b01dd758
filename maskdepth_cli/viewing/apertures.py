"""The shapes of blur: discs and polygons of any radius, large ones at a smaller size."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_DETAIL = 6  # radius in pixels that a blur has at least at the size at which it is worked out
_SAMPLES = 5  # of a pixel of a kernel, along each side
SHARP = 0.5
"""A blur of at most this radius changes nothing."""


def step_of(radius: float) -> int:
    """Return by how much pictures are made smaller for a blur: a power of two."""
    step = 1
    while radius >= 2 * _DETAIL * step:
        step *= 2
    return step


def reach_of(radius: float, blades: int) -> int:
    """Return by how many pixels a blur spreads a pixel: a polygon's corners lie beyond the disc."""
    return int(np.ceil(radius * (1.5 if blades else 1)))


def rounded_up(size: int, step: int) -> int:
    """Return the next multiple of a step."""
    return -(-size // step) * step


@cache
def kernel(radius: float, blades: int, inverted: bool) -> Plane:
    """Return an aperture's picture of a point, its sum 1.

    Parameters
    ----------
    radius
        Of the disc, in pixels; a polygon has the disc's area.
    blades
        Corners of the polygon; 0: a disc.
    inverted
        Upside down and left to right, as points before the plane in focus are drawn.

    Returns
    -------
    ndarray
        float32 (2 n + 1, 2 n + 1), its rim smoothed over a pixel.
    """
    reach = reach_of(radius, blades)
    if not blades:
        rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        shape = np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1)
    else:
        size = 2 * reach + 1
        places = (np.arange(size * _SAMPLES) + 0.5) / _SAMPLES - reach - 0.5
        y, x = np.meshgrid(places, places, indexing="ij")
        wedge = 2 * np.pi / blades
        # The distance of the sides from the middle that gives the area of the disc.
        inner = radius * np.sqrt(wedge / 2 / np.tan(wedge / 2))
        angle = np.arctan2(x, y if inverted else -y) % wedge - wedge / 2  # a corner on top
        inside = np.hypot(x, y) * np.cos(angle) <= inner
        shape = inside.reshape(size, _SAMPLES, size, _SAMPLES).mean(axis=(1, 3))
    return np.asarray(shape / shape.sum(), np.float32)


def blurred(planes: Plane, radius: float, blades: int = 0, *, inverted: bool = False) -> Plane:
    """Spread every pixel over the aperture; the border's pixels go on beyond it.

    Large blurs are worked out at a smaller size. Averages over squares and the linear way back
    blur by themselves, which the smaller kernel makes up for: its variance is theirs less.

    Parameters
    ----------
    planes
        float32 (C, H, W); sides that are multiples of `step_of` of the radius.
    radius, blades, inverted
        See `kernel`.
    """
    if radius <= SHARP:
        return planes
    step = step_of(radius)
    if step > 1:
        radius = float(np.sqrt(radius**2 - step**2)) / step
    # OpenCV correlates, so the kernel is turned.
    weights = np.ascontiguousarray(kernel(round(radius, 3), blades, inverted)[::-1, ::-1])
    height, width = planes.shape[1:]
    spread = np.empty_like(planes)
    for plane, target in zip(planes, spread, strict=True):
        small = plane
        if step > 1:
            size = (width // step, height // step)
            small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        small = cv2.filter2D(small, -1, weights, borderType=cv2.BORDER_REPLICATE)
        target[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return spread
