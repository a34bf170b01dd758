"""Depth of field from two layers: the blur of one side never takes colours from the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import as_image, white
from maskdepth_cli.types import Image, InverseDepth, Mask, Photo
from maskdepth_cli.viewing.apertures import SHARP, reach_of, rounded_up, step_of
from maskdepth_cli.viewing.colors import depth_range
from maskdepth_cli.viewing.haze import without_haze
from maskdepth_cli.viewing.light import looked_up_encoded, looked_up_linear
from maskdepth_cli.viewing.matte import LayerColors, Place
from maskdepth_cli.viewing.slices import Light, gathered, radii_of

Plane = NDArray[np.float32]

_TILE = 1024  # side of the squares that are worked on, in pixels
_SAMPLED = 700  # rows or columns, at most about, that the range and the radii come from
_BRIGHT = 0.85  # luma from which on a pixel counts as a highlight
_LUMA = (0.2126, 0.7152, 0.0722)  # BT.709
_WHOLE = np.float32(0.999)  # a share that is all of a pixel
_LEAST = np.float32(1e-6)


@dataclass(frozen=True)
class Lens:
    """How a photo is blurred.

    Parameters
    ----------
    focus
        Inverse depth that is sharp, or the farthest and the nearest that is.
    aperture
        Radius of the blur, in pixels, at a difference of the scene's whole range.
    blades
        Corners of the aperture; 0: it is round.
    object_sharp
        Keep all of the object sharp, as no lens does: a portrait as people want it.
    highlights
        How much brighter highlights are before they are blurred; 0: as in the photo.
    """

    focus: float | tuple[float, float]
    aperture: float
    blades: int = 0
    object_sharp: bool = False
    highlights: float = 0.0


@dataclass(frozen=True)
class _Scene:
    """What all tiles share: the photo, its layers, the range of depth, each layer's radii."""

    photo: Photo
    mask: Mask
    layers: tuple[InverseDepth, InverseDepth]  # foreground and background
    colors: LayerColors
    textured: bool  # whether what the object hides is seen sharp
    lens: Lens
    span: tuple[float, float]
    radii: tuple[list[float], list[float]]  # signed, far to near, one of them 0


def bokeh(
    photo: Photo, foreground: InverseDepth, background: InverseDepth, mask: Mask, lens: Lens
) -> Photo:
    """Blur what is out of focus, each layer for itself; then the object lies over the background.

    The blur's radius grows with the difference of inverse depth, as a thin lens has it. Each layer
    is cut into slices of about equal blur. Slices are blurred one by one, in linear light, and put
    together from near to far, each filling what those before it left: what is sharp is not
    overlaid by what lies behind it, and no gap opens between two slices. A sharp mask's edge is
    composited in the photo's own values, for which mattes are made, a blurred one in linear light.

    The work goes tile by tile, so that memory is that of the maps themselves.

    Parameters
    ----------
    photo
        (H, W, 3).
    foreground, background
        Inverse depth of the layers (H, W); unknown pixels count as farthest.
    mask
        Object (H, W) in [0, 1]; it is before the background, whatever the depths say. Its haze
        counts as background.
    lens
        Focus and aperture.

    Returns
    -------
    Photo
        (H, W, 3), of the photo's type. Pixels in focus are those of the photo, bit for bit, where
        nothing blurred lies before them.
    """
    mask = without_haze(mask)
    step = max(1, max(mask.shape) // _SAMPLED)
    thin = (slice(None, None, step),) * 2
    with np.errstate(invalid="ignore"):
        seen = mask[thin] * foreground[thin] + (1 - mask[thin]) * background[thin]
    span = depth_range(seen)
    colors = LayerColors(photo, mask)
    levels = (
        radii_of(_signed(foreground[thin], lens, span)[mask[thin] > 0]),
        radii_of(_signed(background[thin], lens, span)),
    )
    # A lens sees around an object that is out of focus: what is sharp behind it needs texture.
    textured = not lens.object_sharp and max(map(abs, levels[0])) > SHARP
    if textured:
        colors.find_texture()
    scene = _Scene(photo, mask, (foreground, background), colors, textured, lens, span, levels)
    result = np.empty_like(photo)
    reach = max(abs(radius) for one in levels for radius in one)
    halo = rounded_up(reach_of(reach, lens.blades) + 2, step_of(reach))

    def draw(place: Place) -> None:
        result[place] = _tile(scene, place, halo)

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        list(pool.map(draw, _tiles(mask.shape)))
    return result


def _tiles(shape: tuple[int, ...]) -> Iterator[Place]:
    for top in range(0, shape[0], _TILE):
        for left in range(0, shape[1], _TILE):
            yield (
                slice(top, min(top + _TILE, shape[0])),
                slice(left, min(left + _TILE, shape[1])),
            )


def _signed(depth: InverseDepth, lens: Lens, span: tuple[float, float]) -> Plane:
    """Return the radius of the blur, negative behind the focus."""
    low, high = span
    first, last = lens.focus if isinstance(lens.focus, tuple) else (lens.focus, lens.focus)
    known = np.clip(np.where(np.isfinite(depth), depth, low), low, high)
    return ((known - known.clip(first, last)) * (lens.aperture / (high - low))).astype(np.float32)


def _tile(scene: _Scene, place: Place, halo: int) -> Photo:
    """Return a part of the result; `halo` pixels around it are worked on, too."""
    outer, padding = _outer(place, halo, scene.mask.shape, step_of(halo))
    inner = _within(place, (_widened(place[0], halo), _widened(place[1], halo)))
    crop = (slice(None), *_within(place, outer))
    colors = scene.colors.part(outer, textured=scene.textured)
    lens, photo, alpha = scene.lens, scene.photo[place], scene.mask[place]

    def grown(values: Plane) -> Plane:
        return np.pad(values, padding[-values.ndim :], mode="edge") if np.any(padding) else values

    def layer(number: int, color: Image, coverage: Mask | None) -> Light:
        signed = _signed(scene.layers[number][outer], lens, scene.span)
        radii = scene.radii[number]
        index = grown(np.interp(signed, radii, np.arange(len(radii))).astype(np.float32))
        light = grown(_lit(_planes(color), lens))
        return gathered(light, coverage, index, radii, lens.blades, inner)

    back = layer(1, colors.clean, None)
    light = np.zeros((3, *alpha.shape), np.float32)
    for side in (back.near, back.far):
        if side is not None:
            light += side[:3]
    if back.sharp.any():
        own = _planes(as_image(photo))
        visible = np.where(alpha > 0, _planes(colors.plate)[crop], own)
        light += back.sharp * looked_up_linear(visible)
    coverage = grown(scene.mask[outer])
    if not coverage.any():
        return _finished(photo, looked_up_encoded(light), back.sharp)
    front = Light(None, None, alpha) if lens.object_sharp else layer(0, colors.foreground, coverage)
    own = _planes(colors.foreground)[crop]
    return _finished(photo, *_over(front, own, light, back.sharp))


def _planes(values: Image) -> Plane:
    """Return (H, W, 3) as (3, H, W)."""
    return np.moveaxis(values, 2, 0)


def _over(front: Light, own: Plane, light: Plane, back_sharp: Plane) -> tuple[Plane, Plane]:
    """Lay the object over the background; return values (3, H, W), and how much is in focus.

    Its sharp part is laid over in the photo's own values, in which its mask was made.
    """
    before = np.ones_like(back_sharp) if front.near is None else 1 - front.near[3]
    behind = shown = np.maximum(before - front.sharp, 0)
    if front.far is not None:
        shown = np.maximum(behind - front.far[3], 0)
        light = (front.far[:3] + light * shown) / np.maximum(behind, _LEAST)
    values = looked_up_encoded(light)
    if front.sharp.any():
        values += np.minimum(front.sharp / np.maximum(before, _LEAST), 1) * (own - values)
    if front.near is not None:
        values = looked_up_encoded(front.near[:3] + before * looked_up_linear(values))
    return values, front.sharp + shown * back_sharp


def _outer(
    place: Place, halo: int, shape: tuple[int, ...], step: int
) -> tuple[Place, list[tuple[int, int]]]:
    """Return a part with what lies around it in the photo, and how much is missing beyond that.

    With what is missing, the sides are multiples of ``step``. What is missing is that of planes
    (C, H, W), before and after each side.
    """
    outer, missing = [], [(0, 0)]
    for part, size in zip(place, shape, strict=True):
        first, last = part.start - halo, part.stop + halo
        last += (first - last) % step
        outer.append(slice(max(first, 0), min(last, size)))
        missing.append((max(-first, 0), max(last - size, 0)))
    return (outer[0], outer[1]), missing


def _widened(part: slice, by: int) -> slice:
    return slice(part.start - by, part.stop + by)


def _within(place: Place, outer: Place) -> Place:
    """Return a part counted from the corner of one around it."""
    rows, columns = (
        slice(one.start - wide.start, one.stop - wide.start)
        for one, wide in zip(place, outer, strict=True)
    )
    return rows, columns


def _lit(color: Plane, lens: Lens) -> Plane:
    """Return colours (3, H, W) as linear light with brighter highlights."""
    light = looked_up_linear(color)
    if not lens.highlights:
        return light
    luma = np.tensordot(np.array(_LUMA, np.float32), color, 1)
    share = np.clip((luma - _BRIGHT) / (1 - _BRIGHT), 0, 1)
    return light * (1 + np.float32(lens.highlights) * share * share * (3 - 2 * share))


def _finished(photo: Photo, values: Plane, in_focus: Plane) -> Photo:
    """Return values as the photo's type, and the photo itself where all is in focus."""
    values *= white(photo)
    if photo.dtype.kind == "u":
        np.rint(values, out=values)
    made = cv2.merge(list(values.astype(photo.dtype)))
    np.copyto(made, photo, where=(in_focus >= _WHOLE)[..., None])
    return np.asarray(made)
