"""Depth of field from two layers: the blur of one side never takes colours from the other."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import Image, InverseDepth, Mask
from maskdepth_cli.viewing.colors import depth_range
from maskdepth_cli.viewing.matte import clean_plate, from_linear, object_color, to_linear

Plane = NDArray[np.float32]

_RADII = (1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 181, 256)
_SHARP = 0.5  # a smaller blur cannot be seen: such pixels stay as they are
_BRIGHT = 0.85  # luma from which on a pixel counts as a highlight
_LUMA = (0.2126, 0.7152, 0.0722)  # BT.709


@dataclass(frozen=True)
class _Layer:
    """Colours in linear light (H, W, 3) where sharp and where blurred, coverage and place."""

    sharp: Image
    blurred: Image
    coverage: Mask
    place: Plane  # index among the slices, far to near, fractions between two of them


def bokeh(
    image: Image,
    foreground: InverseDepth,
    background: InverseDepth,
    mask: Mask,
    focus: float,
    *,
    aperture: float,
    object_sharp: bool = False,
    highlights: float = 0.0,
) -> Image:
    """Blur what is out of focus, each layer for itself; then the object lies over the background.

    The blur is a disc whose radius grows with the difference of inverse depth, as a thin lens
    has it. Each layer is cut into slices of about equal blur. Slices are blurred one by one and
    put together from near to far, each filling what those before it left: what is sharp is not
    overlaid by what lies behind it, and no gap opens between two slices.

    Parameters
    ----------
    image
        Photo (H, W, 3) in [0, 1].
    foreground, background
        Inverse depth of the layers (H, W); unknown pixels count as farthest.
    mask
        Object (H, W) in [0, 1]; it is before the background, whatever the depths say.
    focus
        Inverse depth that is sharp.
    aperture
        Radius of the blur, in pixels, at a difference of the scene's whole range.
    object_sharp
        Keep all of the object sharp, as no lens does: a portrait as people want it.
    highlights
        How much brighter highlights are before they are blurred; 0: as in the photo.

    Returns
    -------
    Image
        (H, W, 3). Pixels in focus are those of the photo, where nothing blurred lies before them.
    """
    with np.errstate(invalid="ignore"):
        low, high = depth_range(mask * foreground + (1 - mask) * background)
    levels = _levels(aperture)

    def place(depth: InverseDepth) -> Plane:
        known = np.clip(np.where(np.isfinite(depth), depth, low), low, high)
        radius = (known - focus) / (high - low) * aperture
        beyond = np.sign(radius) * np.maximum(np.abs(radius) - _SHARP, 0)
        return np.interp(beyond, levels, np.arange(len(levels))).astype(np.float32)

    plate = clean_plate(image, mask)
    own = object_color(image, mask, plate)
    untouched = np.where(mask[..., None] > 0, plate, image)
    everywhere = np.ones_like(mask)
    back = _Layer(to_linear(untouched), _lit(plate, highlights), everywhere, place(background))
    nearby = np.full_like(foreground, focus) if object_sharp else foreground
    front = _Layer(to_linear(own), _lit(own, highlights), mask, place(nearby))
    light, _ = _blurred(back, levels)
    over, alpha = _blurred(front, levels)
    return from_linear(np.clip(over + light * (1 - alpha), 0, 1))


def _levels(aperture: float) -> list[float]:
    """Return signed radii of the slices, far to near; larger ones lie farther apart."""
    radii = [float(radius) for radius in _RADII if radius < aperture]
    radii += [float(aperture)] if aperture > _SHARP else []
    return [-radius for radius in reversed(radii)] + [0.0] + radii


def _lit(color: Image, highlights: float) -> Image:
    """Return linear light with brighter highlights."""
    luma = (color @ np.array(_LUMA, np.float32))[..., None]
    share = np.clip((luma - _BRIGHT) / (1 - _BRIGHT), 0, 1)
    return to_linear(color) * (1 + np.float32(highlights) * share * share * (3 - 2 * share))


def _blurred(layer: _Layer, levels: list[float]) -> tuple[Image, Plane]:
    """Return a layer's light times its coverage (H, W, 3), and its coverage (H, W, 1)."""
    total = np.zeros((*layer.place.shape, 4), np.float32)
    filled = np.zeros((*layer.place.shape, 1), np.float32)
    for index in reversed(range(len(levels))):
        radius = abs(levels[index])
        share = np.clip(1 - np.abs(layer.place - index), 0, 1)[..., None]  # of a pixel, in a slice
        if not share.any():
            continue
        covered = share * layer.coverage[..., None]
        color = layer.blurred if radius else layer.sharp
        planes = np.concatenate([color * covered, covered, share], axis=2, dtype=np.float32)
        planes = _disc_blur(planes, radius)
        spread = np.maximum(planes[..., 4:], 0)
        taken = np.minimum(spread, 1 - filled)
        total += planes[..., :4] * (taken / np.maximum(spread, np.float32(1e-6)))
        filled += taken
    total /= np.maximum(filled, np.float32(1e-6))
    return total[..., :3], np.clip(total[..., 3:], 0, 1)


def _disc_blur(planes: Plane, radius: float) -> Plane:
    """Average (H, W, C) over a disc, its rim smoothed; the border's pixels go on beyond it."""
    if radius == 0:
        return planes
    reach = int(np.ceil(radius))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    channels = [
        cv2.filter2D(planes[..., i], -1, kernel, borderType=cv2.BORDER_REPLICATE)
        for i in range(planes.shape[2])
    ]
    return np.stack(channels, axis=2)
