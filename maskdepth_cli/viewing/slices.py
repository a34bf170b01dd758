"""A layer cut into slices of about equal blur, blurred one by one and put together."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import Mask
from maskdepth_cli.viewing.apertures import SHARP, blurred, reach_of, rounded_up, step_of
from maskdepth_cli.viewing.matte import Place

Plane = NDArray[np.float32]

_RADII = (1, 1.5, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 181, 256, 362, 512, 724, 1024)
_LEAST = np.float32(1e-6)


@dataclass(frozen=True)
class Light:
    """What is seen of a layer: light before and behind the focus (4, H, W), and the sharp share.

    The light is linear and premultiplied; its last plane is how much it covers. None: there is
    no such light. The sharp share (H, W) is without colour, for that is the photo's.
    """

    near: Plane | None
    far: Plane | None
    sharp: Plane


def radii_of(signed: Plane) -> list[float]:
    """Return the signed radii of a layer's slices, far to near: the means of what is near them.

    A layer of one depth so has the one radius, exactly.

    Parameters
    ----------
    signed
        Radii of the layer's pixels, in pixels, negative behind the focus; any shape.
    """
    levels = [0.0]
    edges = [SHARP, *(np.sqrt(a * b) for a, b in itertools.pairwise(_RADII)), np.inf]
    for sign in (-1, 1):
        for low, high in itertools.pairwise(edges):
            size = sign * signed
            inside = size[(size > low) & (size <= high)]
            if inside.size:
                levels.append(sign * round(float(inside.mean(dtype=np.float64)), 3))
    return sorted(levels)


def gathered(
    light: Plane,
    coverage: Mask | None,
    index: Plane,
    radii: list[float],
    blades: int,
    inner: Place,
) -> Light:
    """Blur the slices of a layer and put them together, from near to far.

    Each fills what those before it left: what is sharp is not overlaid by what lies behind it,
    and no gap opens between two slices.

    Parameters
    ----------
    light
        Linear (3, H, W).
    coverage
        (H, W); None: the layer covers all.
    index
        Place of each pixel among the slices (H, W), with fractions between two of them.
    radii
        Of the slices, signed, far to near.
    blades
        Corners of the aperture.
    inner
        The part that is wanted.
    """
    shape = (inner[0].stop - inner[0].start, inner[1].stop - inner[1].start)
    sides: dict[bool, Plane] = {}  # whether before the focus
    sharp, filled = np.zeros((2, *shape), np.float32)
    first, last = int(np.floor(index.min())), int(np.ceil(index.max()))
    for number in range(last, first - 1, -1):
        radius, before = abs(radii[number]), radii[number] > 0
        share = _share(index, number)
        box = _box(share, radius, blades)
        if box is None:
            continue
        planes = _planes(light[(slice(None), *box)] if radius else None, coverage, share, box)
        planes = blurred(planes, radius, blades, inverted=before)
        here, there = _common(box, inner)
        planes = planes[(slice(None), *here)]
        spread = np.maximum(planes[-1], 0)
        taken = np.minimum(spread, 1 - filled[there])
        filled[there] += taken
        np.divide(taken, np.maximum(spread, _LEAST), out=taken)
        if radius:
            side = sides.setdefault(before, np.zeros((4, *shape), np.float32))
            side[(slice(None), *there)] += planes[:4] * taken
        else:
            sharp[there] += planes[0] * taken
    np.maximum(filled, _LEAST, out=filled)
    for values in (*sides.values(), sharp):
        values /= filled
    return Light(sides.get(True), sides.get(False), sharp)


def _share(index: Plane, number: int) -> Plane:
    """Return how much of each pixel belongs to a slice."""
    share = index - np.float32(number)
    np.subtract(1, np.abs(share, out=share), out=share)
    return np.maximum(share, 0, out=share)


def _planes(light: Plane | None, coverage: Mask | None, share: Plane, box: Place) -> Plane:
    """Return what is blurred together: light, if it is wanted, what it covers, the slice's share.

    Where the layer covers all, the last two are one.
    """
    share = share[box]
    covered = share if coverage is None else share * coverage[box]
    before = 0 if light is None else 3
    planes = np.empty((before + (1 if coverage is None else 2), *share.shape), np.float32)
    if light is not None:
        np.multiply(light, covered, out=planes[:3])
    planes[before] = covered
    planes[-1] = share
    return planes


def _box(share: Plane, radius: float, blades: int) -> Place | None:
    """Return the rows and columns that the blur of a slice reaches; None: it has no pixels.

    Its sides are multiples of the step of the blur, as those of ``share`` are.
    """
    step = step_of(radius)
    reach = reach_of(radius, blades) + 2 * step if radius else 0
    box = []
    for axis, size in enumerate(share.shape):
        found = np.flatnonzero(share.any(axis=1 - axis))
        if not found.size:
            return None
        first = max(int(found[0]) - reach, 0) // step * step
        last = min(rounded_up(int(found[-1]) + 1 + reach, step), size)
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
