"""Depth of field from two layers: the blur of one side never takes colours from the other."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import white
from maskdepth_cli.types import Image, InverseDepth, Mask, Photo
from maskdepth_cli.viewing.apertures import SHARP, blurred, step_of
from maskdepth_cli.viewing.colors import depth_range
from maskdepth_cli.viewing.matte import LayerColors, Place, from_linear, to_linear

Plane = NDArray[np.float32]

_RADII = (1, 1.5, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 181, 256, 362, 512, 724, 1024)
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


@dataclass(frozen=True)
class _Light:
    """What is seen of a layer: light before and behind the focus (H, W, 4), and the sharp share.

    The light is linear and premultiplied; its last channel is how much it covers. The sharp share
    (H, W, 1) is without colour, for that is the photo's.
    """

    near: Plane
    far: Plane
    sharp: Plane


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
        Object (H, W) in [0, 1]; it is before the background, whatever the depths say.
    lens
        Focus and aperture.

    Returns
    -------
    Photo
        (H, W, 3), of the photo's type. Pixels in focus are those of the photo, bit for bit, where
        nothing blurred lies before them.
    """
    step = max(1, max(mask.shape) // _SAMPLED)
    thin = (slice(None, None, step),) * 2
    with np.errstate(invalid="ignore"):
        seen = mask[thin] * foreground[thin] + (1 - mask[thin]) * background[thin]
    span = depth_range(seen)
    colors = LayerColors(photo, mask)
    levels = (
        _levels(_signed(foreground[thin], lens, span), mask[thin] > 0, lens),
        _levels(_signed(background[thin], lens, span), np.ones_like(seen, np.bool_), lens),
    )
    # A lens sees around an object that is out of focus: what is sharp behind it needs texture.
    textured = not lens.object_sharp and max(map(abs, levels[0])) > SHARP
    if textured:
        colors.find_texture()
    scene = _Scene(photo, mask, (foreground, background), colors, textured, lens, span, levels)
    result = np.empty_like(photo)
    reach = max(abs(radius) for one in levels for radius in one)
    halo = _multiple(int(np.ceil(1.5 * reach)) + 2, step_of(reach))

    def draw(place: Place) -> None:
        result[place] = _tile(scene, place, halo)

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        list(pool.map(draw, _tiles(mask.shape)))
    return result


def _multiple(size: int, step: int) -> int:
    return -(-size // step) * step


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


def _levels(signed: Plane, where: NDArray[np.bool_], lens: Lens) -> list[float]:
    """Return the signed radii of a layer's slices, far to near: the means of what is near them.

    A layer of one depth so has the one radius, exactly.
    """
    found = signed[where]
    levels = [0.0]
    edges = [SHARP, *(np.sqrt(a * b) for a, b in itertools.pairwise(_RADII)), np.inf]
    for sign in (-1, 1):
        for low, high in itertools.pairwise(edges):
            size = sign * found
            inside = size[(size > low) & (size <= high)]
            if inside.size:
                levels.append(sign * round(float(inside.mean(dtype=np.float64)), 3))
    return sorted(levels)


def _tile(scene: _Scene, place: Place, halo: int) -> Photo:
    """Return a part of the result; `halo` pixels around it are worked on, too."""
    outer, padding = _outer(place, halo, scene.mask.shape, _multiple(1, step_of(halo)))
    inner = (
        slice(halo, halo + place[0].stop - place[0].start),
        slice(halo, halo + place[1].stop - place[1].start),
    )
    colors = scene.colors.part(outer, textured=scene.textured)
    lens = scene.lens

    def grown(values: Plane) -> Plane:
        return np.asarray(cv2.copyMakeBorder(values, *padding, cv2.BORDER_REPLICATE))

    def index(layer: int) -> Plane:
        signed = _signed(scene.layers[layer][outer], lens, scene.span)
        levels = scene.radii[layer]
        return grown(np.interp(signed, levels, np.arange(len(levels))).astype(np.float32))

    photo = scene.photo[place]
    alpha = grown(scene.mask[outer])
    back = _gathered(_lit(grown(colors.clean), lens), None, index(1), scene.radii[1], lens, inner)
    crop = tuple(
        slice(one.start - wide.start, one.stop - wide.start)
        for one, wide in zip(place, outer, strict=True)
    )
    own = np.divide(photo, white(photo), dtype=np.float32)
    light = back.near[..., :3] + back.far[..., :3]
    visible = np.where(scene.mask[place][..., None] > 0, colors.plate[crop], own)
    light += back.sharp * _linear(visible)
    if not alpha.any():
        return _finished(photo, _encoded(light), back.sharp)
    nearby = np.zeros_like(alpha) if lens.object_sharp else None
    place_of = np.full_like(alpha, scene.radii[0].index(0.0)) if nearby is not None else index(0)
    front = _gathered(
        _lit(grown(colors.foreground), lens), alpha, place_of, scene.radii[0], lens, inner
    )
    return _finished(photo, *_over(front, colors.foreground[crop], light, back.sharp))


def _over(front: _Light, own: Image, light: Plane, back_sharp: Plane) -> tuple[Image, Plane]:
    """Lay the object over the background; return values (H, W, 3), and how much is in focus.

    Its sharp part is laid over in the photo's own values, in which its mask was made.
    """
    before = 1 - front.near[..., 3:]
    behind = np.maximum(before - front.sharp, 0)
    shown = np.maximum(behind - front.far[..., 3:], 0)
    under = (front.far[..., :3] + light * shown) / np.maximum(behind, _LEAST)
    values = _encoded(under)
    if front.sharp.any():
        values += np.minimum(front.sharp / np.maximum(before, _LEAST), 1) * (own - values)
    if (before < 1).any():
        values = _encoded(front.near[..., :3] + before * _linear(values))
    return values, front.sharp + shown * back_sharp


def _outer(
    place: Place, halo: int, shape: tuple[int, ...], step: int
) -> tuple[Place, tuple[int, int, int, int]]:
    """Return a part with what lies around it in the photo, and how much is missing beyond that.

    With what is missing, the sides are multiples of ``step``.
    """
    outer, missing = [], []
    for part, size in zip(place, shape, strict=True):
        first, last = part.start - halo, part.stop + halo
        last += (first - last) % step
        outer.append(slice(max(first, 0), min(last, size)))
        missing += [max(-first, 0), max(last - size, 0)]
    return (outer[0], outer[1]), (missing[0], missing[1], missing[2], missing[3])


def _gathered(
    light: Plane, coverage: Mask | None, index: Plane, radii: list[float], lens: Lens, inner: Place
) -> _Light:
    """Blur the slices of a layer and put them together, from near to far.

    Parameters
    ----------
    light
        Linear (H, W, 3).
    coverage
        (H, W); None: the layer covers all.
    index
        Place of each pixel among the slices (H, W), with fractions between two of them.
    radii
        Of the slices, signed, far to near.
    lens
        Its blades.
    inner
        The part that is wanted.
    """
    shape = (inner[0].stop - inner[0].start, inner[1].stop - inner[1].start)
    near, far = np.zeros((2, *shape, 4), np.float32)
    sharp, filled = np.zeros((2, *shape, 1), np.float32)
    for number in reversed(range(len(radii))):
        radius, inverted = abs(radii[number]), radii[number] > 0
        box = _box(np.abs(index - np.float32(number)) < 1, radius)
        if box is None:
            continue
        share = np.clip(1 - np.abs(index[box] - np.float32(number)), 0, 1)[..., None]
        covered = share if coverage is None else share * coverage[box][..., None]
        parts = [light[box] * covered, covered] + ([] if coverage is None else [share])
        if not radius:
            parts = parts[1:]
        planes = blurred(np.concatenate(parts, axis=2), radius, lens.blades, inverted=inverted)
        here, there = _common(box, inner)
        planes = planes[here]
        spread = np.maximum(planes[..., -1:], 0)
        taken = np.minimum(spread, 1 - filled[there])
        planes = planes[..., :-1] if coverage is not None else planes
        planes *= taken / np.maximum(spread, _LEAST)
        if radius:
            (near if inverted else far)[there] += planes
        else:
            sharp[there] += planes
        filled[there] += taken
    filled = np.maximum(filled, _LEAST)
    return _Light(near / filled, far / filled, sharp / filled)


def _box(where: NDArray[np.bool_], radius: float) -> Place | None:
    """Return the rows and columns that a blur of some pixels reaches; None: there are none.

    Its sides are multiples of the step of the blur, as those of ``where`` are.
    """
    step = step_of(radius)
    reach = int(np.ceil(1.5 * radius)) + 2 * step if radius else 0
    box = []
    for axis, size in enumerate(where.shape):
        found = np.flatnonzero(where.any(axis=1 - axis))
        if not found.size:
            return None
        first = max(int(found[0]) - reach, 0) // step * step
        last = min(_multiple(int(found[-1]) + 1 + reach, step), size)
        box.append(slice(first, last))
    return box[0], box[1]


def _common(box: Place, inner: Place) -> tuple[Place, Place]:
    """Return what two parts have in common, counted from the corner of each."""
    here, there = [], []
    for one, other in zip(box, inner, strict=True):
        first, last = max(one.start, other.start), min(one.stop, other.stop)
        last = max(last, first)
        here.append(slice(first - one.start, last - one.start))
        there.append(slice(first - other.start, last - other.start))
    return (here[0], here[1]), (there[0], there[1])


def _lit(color: Image, lens: Lens) -> Plane:
    """Return linear light with brighter highlights."""
    light = _linear(color)
    if not lens.highlights:
        return light
    luma = (color @ np.array(_LUMA, np.float32))[..., None]
    share = np.clip((luma - _BRIGHT) / (1 - _BRIGHT), 0, 1)
    return light * (1 + np.float32(lens.highlights) * share * share * (3 - 2 * share))


def _finished(photo: Photo, values: Image, in_focus: Plane) -> Photo:
    """Return values as the photo's type, and the photo itself where all is in focus."""
    scaled = values * white(photo)
    if photo.dtype.kind == "u":
        scaled = np.rint(scaled)
    return np.where(in_focus >= _WHOLE, photo, scaled.astype(photo.dtype))


_TABLE = 1 << 16  # entries of the curves: finer than an eighth of a step of 8 bits


@cache
def _curves() -> tuple[Plane, Plane]:
    steps = np.linspace(0, 1, _TABLE, dtype=np.float32)
    return to_linear(steps), from_linear(steps)


def _linear(values: Image) -> Plane:
    return _curves()[0][_entries(values)]


def _encoded(light: Plane) -> Image:
    return _curves()[1][_entries(light)]


def _entries(values: Plane) -> NDArray[np.uint16]:
    return np.rint(values.clip(0, 1) * np.float32(_TABLE - 1)).astype(np.uint16)
