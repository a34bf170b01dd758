"""Masks drawn at random, for training without mask data: figures, thin things, hair, blobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskdepth_cli.choices import MaskKind
from maskdepth_cli.types import Mask

SIDE = 288  # pixels of a drawn mask, which is square
FINE = 3  # drawn so many times as large: a strand's alpha is the share of a pixel that it covers
BITS = 4  # fractional bits of OpenCV's coordinates
STEPS = 10  # straight pieces of a strand

Canvas = NDArray[np.uint8]  # (FINE * SIDE, FINE * SIDE), 255 = inside
Point = NDArray[np.float64]  # (2,) x and y in pixels of the mask


class DrawnMasks:
    """Masks of one of `DRAWINGS`; soft at their edges, since lines are thinner than pixels.

    Parameters
    ----------
    layout : str
        ``figures``: people with arms, legs, gaps between them, groups, hair. ``thin``: trees,
        lattices, fences, wires, wheels. ``hair``: heads seen near, fur and grass. ``blobs``: smooth
        shapes with holes of every size. The kind of figures and hair is human, the others' object.
    """

    def __init__(self, layout: str) -> None:
        kind, self._drawings = DRAWINGS[layout]
        self.kinds: frozenset[MaskKind] = frozenset((kind,))

    def draw(self, kind: MaskKind, rng: np.random.Generator) -> Mask:
        """Draw a mask, (SIDE, SIDE) in [0, 1]."""
        canvas = np.zeros((FINE * SIDE, FINE * SIDE), np.uint8)
        self._drawings[int(rng.integers(len(self._drawings)))](canvas, rng)
        small = cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32) / 255


def _figures(canvas: Canvas, rng: np.random.Generator) -> None:
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        _figure(canvas, rng)


def _figure(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw a person, eight heads high, in units of a head."""
    unit = SIDE * _log_uniform(rng, 0.45, 2.2) / 8
    left = rng.uniform(0.1, 0.9) * SIDE
    top = rng.uniform(-0.15, 0.45) if unit < 0.15 * SIDE else rng.uniform(-0.3, 0.3)
    lean = rng.normal(0, 0.08)

    def at(x: float, y: float) -> Point:
        return np.array([left + (x + lean * y) * unit, top * SIDE + y * unit])

    width, arm, leg = rng.uniform(0.7, 1.15), rng.uniform(0.3, 0.65), rng.uniform(0.45, 1.0)
    _ellipse(canvas, at(0, 0.6), (0.42 * unit, 0.58 * unit))
    _limb(canvas, [at(0, 1), at(0, 1.5)], [0.4 * unit, 0.5 * unit])
    waist, hips = rng.uniform(0.6, 1.0, 2) * width, rng.uniform(0.75, 1.1, 2) * width
    trunk = [(-width, 1.55), (width, 1.55), (waist[0], 3), (hips[0], 4.2)]
    trunk += [(-hips[1], 4.2), (-waist[1], 3)]
    _polygon(canvas, [at(*corner) for corner in trunk])
    for side in (-1, 1):
        shoulder = at(side * width * 0.95, 1.75)
        elbow, hand = _arm(side, rng)
        widths = [1.15 * arm * unit, arm * unit, 0.8 * arm * unit]
        _limb(canvas, [shoulder, at(*elbow), at(*hand)], widths)
        spread = rng.uniform(0.1, 1.3)
        knee = at(side * (0.4 + spread * 0.6) * width, 6 + rng.normal(0, 0.2))
        foot = at(side * (0.4 + spread * rng.uniform(0.6, 1.2)) * width, 7.8)
        hip = at(side * width * 0.5, 4.1)
        _limb(canvas, [hip, knee, foot], [1.2 * leg * unit, leg * unit, 0.6 * leg * unit])
        toe = foot + np.array([side * 0.4, 0.1]) * unit
        _limb(canvas, [foot, toe], [0.4 * unit, 0.3 * unit])
    if rng.random() < 0.2:  # a stick across
        ends = [at(x, rng.uniform(1, 5)) for x in (-2.6, 2.6)]
        _limb(canvas, ends, [rng.uniform(0.06, 0.25) * unit] * 2)
    if rng.random() < 0.6:
        _head_of_hair(canvas, rng, at(0, 0.5), 0.5 * unit)
    if rng.random() < 0.15:  # a skirt or fringes
        count, length = int(rng.integers(10, 60)), unit * rng.uniform(0.5, 2)
        _strands(
            canvas, rng, at(0, 4.3), width * unit, count, length, 0.3, (0.5, 2.0), 0.8, np.pi / 2
        )


def _arm(side: int, rng: np.random.Generator) -> tuple[tuple[float, float], tuple[float, float]]:
    """Elbow and hand: on the hip, hanging, raised or stretched out."""
    pose = rng.random()
    if pose < 0.35:
        elbow = side * rng.uniform(1.5, 2.3), rng.uniform(2.6, 3.3)
        return elbow, (side * rng.uniform(0.6, 1.1), rng.uniform(3.4, 4.2))
    if pose < 0.55:
        return (side * rng.uniform(1.0, 1.5), 3.1), (side * rng.uniform(0.9, 1.6), 4.5)
    if pose < 0.75:
        elbow = side * rng.uniform(1.3, 2.2), rng.uniform(0.6, 2)
        return elbow, (side * rng.uniform(0.1, 2.2), rng.uniform(-0.8, 1.2))
    elbow = side * rng.uniform(1.2, 2.2), rng.uniform(1.2, 2.8)
    return elbow, (elbow[0] + side * rng.uniform(-0.5, 1.3), elbow[1] + rng.uniform(-1.2, 1.2))


def _head_of_hair(canvas: Canvas, rng: np.random.Generator, centre: Point, radius: float) -> None:
    widths = (0.35, 1.0) if rng.random() < 0.6 else (0.7, 2.0)
    count, length = int(rng.integers(20, 160)), radius * rng.uniform(0.4, 2.6)
    style = rng.random()
    if style < 0.5:
        curl, spread, towards = rng.uniform(0.2, 2), rng.uniform(0.7, 1.6), -np.pi / 2
    elif style < 0.75:
        curl, spread, towards = rng.uniform(0.2, 2.5), np.pi, -np.pi / 2
    else:  # blown to one side
        curl, spread = rng.uniform(0.1, 0.8), rng.uniform(0.3, 0.8)
        towards, length = rng.uniform(-np.pi, np.pi), 1.4 * length
    _strands(canvas, rng, centre, radius, count, length, curl, widths, spread, towards)


def _strands(
    canvas: Canvas,
    rng: np.random.Generator,
    centre: Point,
    radius: float,
    count: int,
    length: float,
    curl: float,
    widths: tuple[float, float],
    spread: float,
    towards: float = -np.pi / 2,
) -> None:
    """Draw curves that leave a circle; ``spread`` is the angle's deviation, pi: all around."""
    angle = rng.normal(towards, spread, count) if spread < 3 else rng.uniform(-np.pi, np.pi, count)
    place = centre + _direction(angle) * radius * rng.uniform(0.6, 1, (count, 1))
    lengths = length * rng.uniform(0.3, 1.3, (count, 1))
    bend, sag = rng.normal(0, 0.5 * curl), rng.uniform(-0.1, 0.35)
    heading, turn = angle + rng.normal(0, 0.3, count), rng.normal(bend, curl, count)
    places = [place]
    for _ in range(STEPS):
        turn = turn + rng.normal(0, 0.7 * curl, count)
        heading = heading + turn / STEPS + 3 * sag * np.cos(heading) / STEPS
        place = place + _direction(heading) * lengths / STEPS
        places.append(place)
    curves = np.stack(places, axis=1)  # (count, STEPS + 1, 2)
    thickness = np.maximum(np.rint(rng.uniform(*widths, count) * FINE).astype(int), 1)
    for size in np.unique(thickness):
        chosen = list(_fixed(curves[thickness == size]))
        cv2.polylines(canvas, chosen, False, 255, int(size), cv2.LINE_8, BITS)


def _hair(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw a head or an animal seen near."""
    centre = np.array([rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8)]) * SIDE
    radius = SIDE * rng.uniform(0.1, 0.35)
    _ellipse(canvas, centre, (radius, radius * rng.uniform(0.8, 1.4)))
    neck = [centre + np.array([0, radius]), centre + np.array([0, 4 * radius])]
    _limb(canvas, neck, [1.2 * radius, 4 * radius])
    for _ in range(int(rng.integers(1, 4))):
        _head_of_hair(canvas, rng, centre, radius)


def _grass(canvas: Canvas, rng: np.random.Generator) -> None:
    height, count = rng.uniform(0.5, 1) * SIDE, int(rng.integers(30, 250))
    for _ in range(3):
        centre, radius = np.array([rng.uniform(0, SIDE), height]), SIDE * rng.uniform(0.1, 0.5)
        length, curl = SIDE * rng.uniform(0.1, 0.4), rng.uniform(0.1, 1)
        _strands(canvas, rng, centre, radius, count, length, curl, (0.4, 2.2), 0.5)
    if rng.random() < 0.6:
        canvas[int(height * FINE) :] = 255


def _tree(canvas: Canvas, rng: np.random.Generator) -> None:
    for _ in range(int(rng.choice([1, 1, 2]))):
        foot = np.array([rng.uniform(0.1, 0.9), rng.uniform(0.7, 1.05)]) * SIDE
        length, width = SIDE * rng.uniform(0.12, 0.3), SIDE * rng.uniform(0.01, 0.05)
        angle = -np.pi / 2 + rng.normal(0, 0.15)
        _branch(canvas, rng, foot, angle, length, width, int(rng.integers(4, 7)))
    if rng.random() < 0.35:
        places = np.argwhere(canvas)
        for row, column in places[rng.integers(len(places), size=int(rng.integers(20, 200)))]:
            spot = np.array([column, row]) + rng.normal(0, 6 * FINE, 2)
            cv2.circle(canvas, spot.astype(int).tolist(), int(rng.uniform(1, 4) * FINE), 255, -1)


def _branch(
    canvas: Canvas,
    rng: np.random.Generator,
    foot: Point,
    angle: float,
    length: float,
    width: float,
    depth: int,
) -> None:
    tip = foot + length * _direction(angle)
    middle = (foot + tip) / 2 + rng.normal(0, 0.06 * length, 2)
    _line(canvas, [foot, middle, tip], max(width, 0.35))
    if depth == 0 or length < 2:
        return
    for _ in range(int(rng.choice([2, 2, 3]))):
        start = tip if rng.random() < 0.7 else middle
        turned, shorter = angle + rng.normal(0, 0.55), length * rng.uniform(0.55, 0.88)
        _branch(canvas, rng, start, turned, shorter, width * rng.uniform(0.5, 0.75), depth - 1)


def _lattice(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw bars one way and mostly the other way too, upright or turned, whole or cut out."""
    period = _log_uniform(rng, 7, 60)
    width = max(period * rng.uniform(0.08, 0.5), 0.7)
    turn = rng.normal(0, 12) if rng.random() < 0.6 else 45 + rng.normal(0, 8)
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), turn, 1)
    jitter = 0.15 * float(rng.random() < 0.5)

    def turned(*ends: tuple[float, float]) -> list[Point]:
        return list(np.asarray(ends) @ matrix[:, :2].T + matrix[:, 2])

    ends = rng.uniform(0, 0.4) * SIDE, rng.uniform(0.6, 1.1) * SIDE
    low, high = (-SIDE, 2 * SIDE) if rng.random() < 0.5 else ends
    for x in np.arange(-SIDE, 2 * SIDE, period):
        shifts = rng.normal(0, jitter * period, 2)
        start = low + rng.normal(0, 0.1 * period)
        thick = width * max(1 + jitter * rng.normal(0, 0.5), 0.2)
        _line(canvas, turned((x + shifts[0], start), (x + shifts[1], high)), thick)
    if rng.random() < 0.75:
        step = period * (1 if rng.random() < 0.5 else rng.uniform(1, 5))
        thick = width * rng.uniform(0.6, 1.6)
        for y in np.arange(low + 0.1 * step, high, step):
            _line(canvas, turned((-SIDE, y), (2 * SIDE, y)), thick)
    if rng.random() < 0.3:
        cut = np.zeros_like(canvas)
        _ellipse(cut, rng.uniform(0.3, 0.7, 2) * SIDE, rng.uniform(0.25, 0.6, 2) * SIDE)
        canvas &= cut


def _wires(canvas: Canvas, rng: np.random.Generator) -> None:
    x = np.linspace(-0.1, 1.1, 24)
    for _ in range(int(rng.integers(2, 9))):
        start, end = rng.uniform(0, 1, 2)
        y = start + (end - start) * x + rng.uniform(-0.1, 0.3) * ((x - 0.5) ** 2 - 0.25)
        curve = np.stack([x, y] if rng.random() < 0.6 else [y, x], axis=1) * SIDE
        _line(canvas, curve, _log_uniform(rng, 0.5, 5))
    if rng.random() < 0.5:  # a pole
        top, foot = (np.array([rng.uniform(0, 1) * SIDE, y]) for y in (-5, SIDE + 5))
        _limb(canvas, [top, foot], [rng.uniform(2, 14)] * 2)


def _wheels(canvas: Canvas, rng: np.random.Generator) -> None:
    radius = SIDE * rng.uniform(0.12, 0.4)
    centres = [
        np.array([rng.uniform(0.15, 0.85), rng.uniform(0.3, 0.9)]) * SIDE
        for _ in range(int(rng.integers(1, 3)))
    ]
    for centre in centres:
        rim = max(int(max(radius * rng.uniform(0.03, 0.12), 0.8) * FINE), 1)
        size = int(radius * FINE * (1 << BITS))
        cv2.circle(canvas, _fixed(centre).tolist(), size, 255, rim, cv2.LINE_8, BITS)
        spokes = int(rng.integers(4, 26))
        for angle in np.arange(spokes) * 2 * np.pi / spokes + rng.uniform(0, 1):
            width = rng.uniform(0.4, 1.5) if spokes > 8 else rng.uniform(1, 4)
            _line(canvas, [centre, centre + radius * _direction(angle)], width)
    for _ in range(int(rng.integers(1, 6))):
        ends = [centres[i] + rng.normal(0, radius, 2) for i in (0, -1)]
        _line(canvas, ends, rng.uniform(1.5, 6))


def _blobs(canvas: Canvas, rng: np.random.Generator) -> None:
    grids = [(int(rng.integers(3, 14)), 1.0)]
    if rng.random() < 0.5:
        grids.append((24, 0.5))
    field = sum(
        cv2.resize(
            rng.normal(0, deviation, (cells, cells)).astype(np.float32),
            canvas.shape,
            interpolation=cv2.INTER_CUBIC,
        )
        for cells, deviation in grids
    )
    canvas[field > np.quantile(field, rng.uniform(0.2, 0.8))] = 255


def _line(canvas: Canvas, points: ArrayLike, width: float) -> None:
    thickness = max(round(width * FINE), 1)
    cv2.polylines(canvas, [_fixed(points)], False, 255, thickness, cv2.LINE_8, BITS)


def _limb(canvas: Canvas, points: Sequence[Point], widths: Sequence[float]) -> None:
    """Draw a chain of tapered pieces with round joints."""
    pieces = list(zip(points, widths, strict=True))
    for (start, first), (end, last) in pairwise(pieces):
        along = (end - start) / (np.hypot(*(end - start)) + 1e-6)
        across = np.array([-along[1], along[0]])
        corners = [start + across * first / 2, end + across * last / 2]
        corners += [end - across * last / 2, start - across * first / 2]
        _polygon(canvas, corners)
    for point, width in pieces:
        size = int(width / 2 * FINE * (1 << BITS))
        cv2.circle(canvas, _fixed(point).tolist(), size, 255, -1, cv2.LINE_8, BITS)


def _polygon(canvas: Canvas, corners: Sequence[Point]) -> None:
    cv2.fillPoly(canvas, [_fixed(corners)], 255, cv2.LINE_8, BITS)


def _ellipse(canvas: Canvas, centre: Point, radii: ArrayLike) -> None:
    place, size = _fixed(centre).tolist(), np.abs(_fixed(radii)).tolist()
    cv2.ellipse(canvas, place, size, 0, 0, 360, 255, -1, cv2.LINE_8, BITS)


def _fixed(points: ArrayLike) -> NDArray[np.int32]:
    """Pixels of the mask as OpenCV's fixed-point coordinates of the canvas."""
    return np.rint(np.asarray(points, np.float64) * FINE * (1 << BITS)).astype(np.int32)


def _direction(angle: ArrayLike) -> NDArray[np.float64]:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


Drawing = Callable[[Canvas, np.random.Generator], None]
DRAWINGS: dict[str, tuple[MaskKind, tuple[Drawing, ...]]] = {
    "figures": ("human", (_figures,)),
    "thin": ("object", (_tree, _tree, _lattice, _lattice, _lattice, _wires, _wheels)),
    "hair": ("human", (_hair, _grass)),
    "blobs": ("object", (_blobs,)),
}
