"""What both eyes see of a photo with two layers."""

from __future__ import annotations

import cv2
import numpy as np

from maskdepth_cli.viewing.views import Camera, LayeredScene, Picture, view


def stereo_pair(
    scene: LayeredScene, strength: float, convergence: float | None = None
) -> tuple[Picture, Picture]:
    """Draw what the left and the right eye see.

    What has the nearness ``s`` lies ``strength * W * (s - convergence)`` pixels farther to the
    right in the left picture than in the right one: before the screen if that is positive.

    Parameters
    ----------
    scene
        The photo and its layers.
    strength
        Disparity between the farthest and the nearest, as a share of the width.
    convergence
        Nearness of what lies in the screen; None: that of the object.
    """
    pivot = scene.nearness() if convergence is None else convergence
    half = strength * scene.mask.shape[1] / 2
    left, right = (view(scene, Camera((sign * half, 0), pivot=pivot)) for sign in (1, -1))
    return left, right


_DUBOIS = (
    (
        (0.4561, 0.500484, 0.176381),
        (-0.0400822, -0.0378246, -0.0157589),
        (-0.0152161, -0.0205971, -0.00546856),
    ),
    (
        (-0.0434706, -0.0879388, -0.00155529),
        (0.378476, 0.73364, -0.0184503),
        (-0.0721527, -0.112961, 1.2264),
    ),
)


def anaglyph(left: Picture, right: Picture) -> Picture:
    """Return a picture for red and cyan glasses (Dubois, "A Projection Method", 2001)."""
    seen = sum(
        cv2.transform(one.astype(np.float32), np.array(matrix, np.float32))
        for one, matrix in zip((left, right), _DUBOIS, strict=True)
    )
    return np.rint(np.clip(seen, 0, 255)).astype(np.uint8)
