"""RGB-D frames drawn at random: rooms and open ground with boxes, balls, posts and cut-outs.

Not pictures of anything, but surfaces as scenes have them: planes that go on behind what stands
before them, every object's own depth, colours and shading that change where objects do. They keep
a network from learning a small set of frames by heart.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.training.drawn_masks import DrawnMasks
from maskdepth_cli.training.memory import Remembered
from maskdepth_cli.training.sources import TrainingFrame

COUNT = 1000  # frames, each a pure function of its index
HEIGHT, WIDTH = 288, 384
TEXTURE = 256  # side of a texture, which repeats
SKY_SHARE = 0.35
OBJECTS = (4, 16)
FARTHEST = 1e9  # texels: far planes have no more than noise
CUT_OUTS = ("figures", "thin", "thin", "blobs")

Array = NDArray[np.floating[Any]]


class DrawnFrames:
    """`COUNT` frames of HEIGHT x WIDTH, all with instance maps (0 = sky)."""

    name = "drawn frames"

    def __init__(self) -> None:
        self.frame = Remembered(draw_frame)

    def __len__(self) -> int:
        return COUNT

    def draw(self, rng: np.random.Generator) -> TrainingFrame:
        """Draw a frame."""
        return self.frame(int(rng.integers(COUNT)))

    @property
    def labelled(self) -> DrawnFrames:
        """Itself."""
        return self


class _Canvas:
    """What is seen so far, nearest first; and the rays of its pixels, one unit along the axis."""

    def __init__(self, x: Array, y: Array) -> None:
        self.x, self.y = np.meshgrid(x, y)  # (H, W) to the right, downwards
        self.rgb = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        self.inverse = np.zeros((HEIGHT, WIDTH), np.float32)
        self.instances = np.zeros((HEIGHT, WIDTH), np.int32)

    def put(
        self,
        inverse: Array,
        coordinates: tuple[Array, Array],
        light: Array | float,
        rng: np.random.Generator,
    ) -> None:
        """Put a surface, a new instance, where its inverse depth is the largest so far.

        Parameters
        ----------
        inverse : ndarray
            (H, W), 0 where the surface is not.
        coordinates : tuple of ndarray
            (H, W) of the surface's texture.
        light : ndarray or float
            (H, W), 1 = the colours as they are.
        rng : numpy.random.Generator
            Draws the texture.
        """
        seen = inverse > self.inverse
        along, down = (c[seen] for c in coordinates)
        colours = _textured(along, down, rng)
        shade = light[seen][:, None] if isinstance(light, np.ndarray) else light
        self.inverse[seen], self.rgb[seen] = inverse[seen], colours * shade
        self.instances[seen] = self.instances.max() + 1


def draw_frame(index: int) -> TrainingFrame:
    """Draw the frame of an index.

    The camera stands in the origin and looks along z, x to the right and y downwards; lengths are
    in heights of the camera.
    """
    rng = np.random.default_rng((77, index))
    tan = np.tan(np.radians(rng.uniform(25, 42)))  # of half the horizontal field of view
    step = 2 * tan / WIDTH
    tilt = rng.uniform(-0.25, 0.45) * tan
    columns = (np.arange(WIDTH, dtype=np.float32) - WIDTH / 2 + 0.5) * step
    rows = (np.arange(HEIGHT, dtype=np.float32) - HEIGHT / 2 + 0.5) * step + tilt
    canvas = _Canvas(columns.astype(np.float32), rows.astype(np.float32))
    outside = bool(rng.random() < SKY_SHARE)
    far = _surroundings(canvas, outside, rng)
    for _ in range(int(rng.integers(*OBJECTS))):
        depth = float(np.exp(rng.uniform(np.log(1.2), np.log(far))))
        place = np.array([rng.uniform(-1.1, 1.1) * tan * depth, depth])
        size = float(np.exp(rng.uniform(np.log(0.08), np.log(0.8)))) * min(depth, 3) / 2
        draw = (_box, _box, _ball, _post, _cut_out)[int(rng.integers(5))]
        draw(canvas, place, size, rng)
    haze = 0.15 * rng.random() * (1 - np.minimum(canvas.inverse * far, 1))[..., None]
    noise = rng.normal(0, rng.uniform(0, 0.03), canvas.rgb.shape)
    colours = canvas.rgb * (1 - haze) + haze + noise
    rgb = np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)
    return TrainingFrame(rgb, canvas.inverse, canvas.instances)


def _surroundings(canvas: _Canvas, outside: bool, rng: np.random.Generator) -> float:
    """Put sky or ceiling, walls and floor; return how far objects may stand."""
    far = float(rng.uniform(3, 12) * (3 if outside else 1))
    if outside:
        low, high = np.sort(rng.uniform(0.3, 1, (2, 3)), axis=0)
        canvas.rgb[:] = low + (high - low) * np.linspace(0, 1, HEIGHT)[:, None, None]
    else:
        ceiling = rng.uniform(0.4, 2)
        _plane(canvas, (0, -1, 0), ceiling, rng)
        turn = rng.uniform(-0.8, 0.8)
        for angle, distance in (
            (turn, far),
            (turn + np.pi / 2, rng.uniform(1, 6)),
            (turn - np.pi / 2, rng.uniform(1, 6)),
        ):
            _plane(canvas, (np.sin(angle), 0, np.cos(angle)), distance, rng)
    _plane(canvas, (0, 1, 0), 1.0, rng)
    return far


def _plane(
    canvas: _Canvas, normal: tuple[float, float, float], distance: float, rng: np.random.Generator
) -> None:
    """Put the plane ``normal . p = distance``; where several are, the room is their inside.

    Planes of a convex room: the nearest along a ray is the one that is seen, so the largest
    inverse depth wins, as it does between objects.
    """
    a, b, c = normal
    inverse = ((a * canvas.x + b * canvas.y + c) / distance).astype(np.float32)
    depth = 1 / np.maximum(inverse, 1e-3)
    along = (c * canvas.x - a) * depth if abs(b) < 0.5 else canvas.x * depth
    down = canvas.y * depth if abs(b) < 0.5 else depth
    canvas.put(inverse, (along, down), 1.0, rng)


def _box(
    canvas: _Canvas, place: NDArray[np.float64], size: float, rng: np.random.Generator
) -> None:
    """Put a box on the floor, or hanging, turned about the vertical."""
    half = size * rng.uniform(0.3, 1.5, 3)
    if rng.random() < 0.3:
        half[rng.integers(3)] *= 0.1  # a board
    base = 1.0 if rng.random() < 0.75 else rng.uniform(-0.4, 1)
    turn = rng.uniform(0, np.pi)
    cos, sin = np.cos(turn), np.sin(turn)
    ray = (cos * canvas.x + sin, canvas.y, -sin * canvas.x + cos)
    eye = (cos * place[0] + sin * place[1], base - half[1], -sin * place[0] + cos * place[1])
    near, out = np.full(canvas.x.shape, -np.inf), np.full(canvas.x.shape, np.inf)
    face = np.zeros(canvas.x.shape, np.int8)
    for axis in range(3):
        along = np.where(np.abs(ray[axis]) < 1e-6, 1e-6, ray[axis])
        ends = [(eye[axis] + sign * half[axis]) / along for sign in (-1, 1)]
        enters = np.minimum(*ends)
        face[enters > near] = axis
        near, out = np.maximum(near, enters), np.minimum(out, np.maximum(*ends))
    inverse = np.where((near < out) & (near > 0.2), 1 / np.maximum(near, 0.2), 0)
    points = [near * ray[axis] for axis in range(3)]
    along = np.where(face == 0, points[2], points[0])
    down = np.where(face == 1, points[2], points[1])
    light = rng.uniform(0.45, 1, 3).astype(np.float32)[face]
    canvas.put(inverse, (along, down), light, rng)


def _ball(
    canvas: _Canvas, place: NDArray[np.float64], size: float, rng: np.random.Generator
) -> None:
    """Put an ellipsoid."""
    radii = size * rng.uniform(0.5, 1.2, 3)
    height = 1 - radii[1] if rng.random() < 0.6 else rng.uniform(-0.4, 0.8)
    eye = np.array([place[0], height, place[1]])
    ray = [canvas.x / radii[0], canvas.y / radii[1], np.full_like(canvas.x, 1 / radii[2])]
    inverse = _quadric(ray, eye / radii)
    depth = 1 / np.maximum(inverse, 1e-3)
    normal = [(depth * r - e / s) for r, e, s in zip(ray, eye, radii, strict=True)]
    _put_round(canvas, inverse, normal, (normal[0], normal[1]), rng)


def _post(
    canvas: _Canvas, place: NDArray[np.float64], size: float, rng: np.random.Generator
) -> None:
    """Put an upright cylinder: a pole, a trunk, a leg of a table."""
    radius = size * float(np.exp(rng.uniform(np.log(0.03), np.log(0.5))))
    eye = place / radius
    ray = [canvas.x / radius, np.full_like(canvas.x, 1 / radius)]
    inverse = _quadric(ray, eye)
    depth = 1 / np.maximum(inverse, 1e-3)
    down = canvas.y * depth
    top, foot = (-9.0 if rng.random() < 0.5 else rng.uniform(-0.5, 0.7)), 1.0
    inverse = np.where((down > top) & (down < foot), inverse, 0).astype(np.float32)
    normal = [depth * r - e for r, e in zip(ray, eye, strict=True)]
    _put_round(canvas, inverse, [normal[0], 0 * down, normal[1]], (normal[0] * radius, down), rng)


def _cut_out(
    canvas: _Canvas, place: NDArray[np.float64], size: float, rng: np.random.Generator
) -> None:
    """Put a drawn mask that stands upright, facing the camera up to some turn."""
    name = CUT_OUTS[int(rng.integers(len(CUT_OUTS)))]
    masks = DrawnMasks(name)
    mask = masks.draw(next(iter(masks.kinds)), rng)
    side = 3 * size
    slope = rng.uniform(-0.5, 0.5)
    inverse = (1 - slope * canvas.x) / max(place[1] - slope * place[0], 0.3)
    depth = 1 / np.maximum(inverse, 1e-3)
    along = ((canvas.x * depth - place[0]) / side + 0.5) * len(mask)
    down = ((canvas.y * depth - 1) / side + 1) * len(mask)
    inside = cv2.remap(mask, along.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR)
    scale = np.float32(side / len(mask))
    canvas.put(np.where(inside > 0.5, inverse, 0), (along * scale, down * scale), 1.0, rng)


def _quadric(ray: list[Array], eye: NDArray[np.float64]) -> Array:
    """Inverse depth at which rays meet the unit sphere around ``eye``, 0 where they miss it."""
    squared = sum(r * r for r in ray)
    along = sum(r * e for r, e in zip(ray, eye, strict=True))
    rest = along * along - squared * (float(eye @ eye) - 1)
    near = (along - np.sqrt(np.maximum(rest, 0))) / squared
    return np.where((rest > 0) & (near > 0.2), 1 / np.maximum(near, 0.2), 0).astype(np.float32)


def _put_round(
    canvas: _Canvas,
    inverse: Array,
    normal: list[Array],
    place: tuple[Array, Array],
    rng: np.random.Generator,
) -> None:
    """Put a round thing in the light of one lamp."""
    lamp = rng.normal((0, -1, -1), 1)
    lamp /= np.linalg.norm(lamp)
    light = sum(n * part for n, part in zip(normal, lamp, strict=True))
    canvas.put(inverse, place, rng.uniform(0.3, 0.7) + 0.5 * np.clip(light, 0, 1), rng)


def _textured(along: Array, down: Array, rng: np.random.Generator) -> Array:
    """Colours (N, 3) of a surface by its own coordinates: plain, grained, striped or tiled."""
    base = np.clip(rng.uniform(0.05, 0.95) + rng.normal(0, 0.15, 3), 0, 1)
    other = np.clip(base + rng.normal(0, 0.15) + rng.normal(0, rng.uniform(0.02, 0.1), 3), 0, 1)
    cells = int(np.exp(rng.uniform(np.log(3), np.log(120))))
    grid = rng.uniform(0, 1, (cells, cells if rng.random() < 0.7 else 1)).astype(np.float32)
    smooth = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_CUBIC
    pattern = cv2.resize(grid, (TEXTURE, TEXTURE), interpolation=smooth)
    scale = np.float32(TEXTURE / np.exp(rng.uniform(np.log(0.3), np.log(4))))
    column, row = (
        (np.clip(c * scale, -FARTHEST, FARTHEST).astype(np.int64) % TEXTURE) for c in (along, down)
    )
    shown = pattern[row, column][:, None]
    return (base + (other - base) * shown).astype(np.float32)
