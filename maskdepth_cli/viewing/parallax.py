"""A camera that moves a little before a photo with two layers."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from maskdepth_cli.choices import CameraPath
from maskdepth_cli.viewing.views import Camera, LayeredScene, Picture, view

_WIDENING = 1.15  # how much of the shifts the frame is cut by


def camera_path(path: CameraPath, amount: float, count: int, pivot: float) -> Iterator[Camera]:
    """Yield the cameras of a path that ends where it begins.

    Parameters
    ----------
    path
        `orbit`, `pan` (left and right) or `zoom` (in and out).
    amount
        Movement of the nearest against the farthest at the path's ends, in pixels.
    count
        Number of cameras.
    pivot
        Nearness that stays where it is.
    """
    for angle in np.arange(count) * (2 * np.pi / count):
        across, up = amount / 2 * float(np.sin(angle)), amount / 2 * float(np.cos(angle))
        if path == "orbit":
            yield Camera((across, 0.6 * up), pivot=pivot)
        elif path == "pan":
            yield Camera((across, 0.0), pivot=pivot)
        else:
            yield Camera(zoom=float(1 - np.cos(angle)) / 2 * amount, pivot=pivot)


def parallax(
    scene: LayeredScene, path: CameraPath, strength: float, count: int
) -> Iterator[Picture]:
    """Yield the pictures of a camera that moves before a photo, all of one size.

    The frame is cut so far that nothing beyond the photo's border is seen, and enlarged again; its
    sides are even, as video wants them.

    Parameters
    ----------
    scene
        The photo and its layers.
    path
        See `camera_path`.
    strength
        Movement of the nearest against the farthest, as a share of the long side; for `zoom` by
        how much more of it the nearest grows.
    count
        Number of pictures.
    """
    height, width = scene.mask.shape
    pivot = scene.nearness()
    amount = strength * max(height, width)
    cameras = camera_path(path, strength if path == "zoom" else amount, count, pivot)
    margin = int(np.ceil(_WIDENING * amount / 2 * max(pivot, 1 - pivot)))
    margin = min(margin, min(height, width) // 4)
    inner = (slice(margin, height - margin), slice(margin, width - margin))
    size = (width // 2 * 2, height // 2 * 2)
    for camera in cameras:
        yield np.asarray(
            cv2.resize(view(scene, camera)[inner], size, interpolation=cv2.INTER_CUBIC)
        )
