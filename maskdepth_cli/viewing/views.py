"""A photo with two layers seen from elsewhere: what moves uncovers the layer behind it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import resize, resize_photo, strips
from maskdepth_cli.types import InverseDepth, Mask, Photo
from maskdepth_cli.viewing.colors import depth_range
from maskdepth_cli.viewing.haze import without_haze
from maskdepth_cli.viewing.matte import LayerColors
from maskdepth_cli.viewing.pictures import as_bytes

Plane = NDArray[np.float32]
Picture = NDArray[np.uint8]

_STEPS = 6  # towards the pixel that is seen at a place
_TORN = 0.4  # pixels of the photo that a pixel of the view shows where a surface is torn
_MISSED = 0.75  # pixels beside its place that what was found may be seen at
_LEAST_GAP = np.float32(0.01)  # between object and background: surfaces in one place flicker
_STRIP = 1 << 20  # pixels that are worked on together


@dataclass(frozen=True)
class LayeredScene:
    """Two layers, ready to be seen from elsewhere.

    Parameters
    ----------
    foreground, background
        Colours, uint8 (H, W, 3), continued where the other layer is seen.
    mask
        Coverage of the foreground (H, W) in [0, 1].
    near, far
        Nearness of each layer, float32 (H, W): the share of the photo's range of inverse depth,
        0 the farthest.
    """

    foreground: Picture
    background: Picture
    mask: Mask
    near: Plane
    far: Plane

    def nearness(self) -> float:
        """Return the median nearness of the object, of all where there is none."""
        inside = self.mask >= 0.5
        return float(np.median(self.near[inside])) if inside.any() else float(np.median(self.far))


def layered_scene(
    photo: Photo,
    foreground: InverseDepth,
    background: InverseDepth,
    mask: Mask,
    long_side: int | None = None,
) -> LayeredScene:
    """Separate a photo's colours and bring its layers to nearness.

    Parameters
    ----------
    photo
        (H, W, 3).
    foreground, background
        Inverse depth of the layers (H, W); unknown pixels count as farthest.
    mask
        Object (H, W) in [0, 1]; its haze counts as background.
    long_side
        Size of the scene, if it is smaller than the photo.
    """
    mask = without_haze(mask)
    low, high = depth_range(np.where(mask >= 0.5, foreground, background))

    def share(depth: InverseDepth) -> Plane:
        known = np.clip(np.where(np.isfinite(depth), depth, low), low, high)
        return ((known - low) / (high - low)).astype(np.float32)

    near, far = share(foreground), share(background)
    # What claims to lie before the object, and yet is behind it, all but moves with it.
    far = np.where(mask >= 0.5, np.minimum(far, np.maximum(near - _LEAST_GAP, 0)), far)
    if long_side is not None and long_side < max(mask.shape):
        shape = _fitting(mask.shape, long_side)
        photo = resize_photo(photo, shape, "area")
        near, far, mask = (resize(one, shape, "area") for one in (near, far, mask))
    colors = LayerColors(photo, mask)
    own, behind = np.empty((2, *photo.shape), np.uint8)
    for rows in strips(0, mask.shape[0], _STRIP // mask.shape[1]):
        part = colors.part((rows, slice(0, mask.shape[1])), textured=True)
        own[rows], behind[rows] = as_bytes(part.foreground), as_bytes(part.plate)
    return LayeredScene(own, behind, mask, near, far)


def _fitting(shape: tuple[int, ...], long_side: int) -> tuple[int, int]:
    height, width = (max(2, round(side * long_side / max(shape))) for side in shape)
    return height, width


@dataclass(frozen=True)
class Camera:
    """Where a view is seen from.

    Parameters
    ----------
    shift
        By how many pixels, to the right and down, what is one nearer than `pivot` moves.
    zoom
        By which share of its distance from the middle it moves outwards.
    pivot
        Nearness that stays where it is.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 0.0
    pivot: float = 0.5


def view(scene: LayeredScene, camera: Camera) -> Picture:
    """Draw a scene from a camera beside the photo's; uint8 (H, W, 3).

    A pixel at ``q`` with the nearness ``s`` above the pivot is seen at ``c + (q - c) (1 + zoom s) +
    shift s`` with ``c`` the middle. For every pixel of the view the nearest surface that is seen
    there is found by steps. Where a surface would have to be stretched there is none: the object
    has a hole, which shows the background, and holes of the background are inpainted from what
    lies around them.
    """
    result = np.empty_like(scene.background)
    reach = _reach(scene, camera)

    def draw(rows: slice) -> None:
        colors, torn = _seen(scene.background, scene.far, camera, rows, reach)
        if torn.any():
            colors = cv2.inpaint(colors, torn.astype(np.uint8), 3, cv2.INPAINT_TELEA)
        mask = np.rint(scene.mask * 255).astype(np.uint8)
        own, missing = _seen(np.dstack([scene.foreground, mask]), scene.near, camera, rows, reach)
        alpha = np.where(missing, 0, own[..., 3]).astype(np.float32)[..., None] / 255
        mixed = colors + alpha * (own[..., :3].astype(np.float32) - colors)
        result[rows] = np.rint(mixed).clip(0, 255).astype(np.uint8)

    parts = list(strips(0, scene.mask.shape[0], _STRIP // scene.mask.shape[1]))
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        list(pool.map(draw, parts))
    return result


def _reach(scene: LayeredScene, camera: Camera) -> int:
    """Return by how many pixels a pixel moves at most."""
    largest = max(camera.pivot, 1 - camera.pivot)
    half = max(scene.mask.shape) / 2
    return int(np.ceil((np.hypot(*camera.shift) + abs(camera.zoom) * half) * largest))


def _seen(
    colors: Picture, nearness: Plane, camera: Camera, rows: slice, reach: int
) -> tuple[Picture, NDArray[np.bool_]]:
    """Return what of a layer is seen in some rows of a view, and where it is torn."""
    height, width = nearness.shape
    y, x = np.mgrid[rows, :width].astype(np.float32)
    outer = slice(max(rows.start - reach - 1, 0), min(rows.stop + reach + 1, height))
    side = 2 * reach + 1
    nearest = cv2.dilate(nearness[outer], np.ones((1, side), np.uint8))
    if camera.shift[1] or camera.zoom:
        nearest = cv2.dilate(nearest, np.ones((side, 1), np.uint8))
    s = nearest[rows.start - outer.start :][: rows.stop - rows.start]
    for _ in range(_STEPS):
        from_x, from_y = _origin(x, y, s, camera, nearness.shape)
        s = _sampled(nearness, from_x, from_y)
    from_x, from_y = _origin(x, y, s, camera, nearness.shape)
    # Where the steps did not come to rest, nothing is seen; where they barely move, rubber is.
    missed = _sampled(nearness, from_x, from_y) - s
    moved = np.hypot(
        camera.shift[0] + camera.zoom * (x - width / 2),
        camera.shift[1] + camera.zoom * (y - height / 2),
    )
    torn = np.abs(missed) * moved > _MISSED
    horizontal = abs(camera.shift[0]) >= abs(camera.shift[1]) or bool(camera.zoom)
    vertical = abs(camera.shift[1]) > abs(camera.shift[0]) or bool(camera.zoom)
    if horizontal:
        torn[:, 1:] |= np.diff(from_x, axis=1) < _TORN
    if vertical:
        torn[1:] |= np.diff(from_y, axis=0) < _TORN
    seen = cv2.remap(colors, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(seen, np.uint8), np.asarray(torn)


def _origin(
    x: Plane, y: Plane, nearness: Plane, camera: Camera, shape: tuple[int, ...]
) -> tuple[Plane, Plane]:
    """Return where in the photo what is seen at some places comes from, if it is so near."""
    s = nearness - np.float32(camera.pivot)
    middle_x, middle_y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    scale = 1 / (1 + np.float32(camera.zoom) * s)
    from_x = (x - np.float32(camera.shift[0]) * s - middle_x) * scale + middle_x
    from_y = (y - np.float32(camera.shift[1]) * s - middle_y) * scale + middle_y
    return from_x.astype(np.float32), from_y.astype(np.float32)


def _sampled(values: Plane, x: Plane, y: Plane) -> Plane:
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
