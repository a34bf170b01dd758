"""Small pictures as text: WebP in a data address, for pages that ask nobody for anything."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from maskdepth_cli.viewing.panels import Picture

QUALITY = 72  # of lossy WebP; colour maps show no blocks yet
_FRAMES, _LOOP = 24, 4000  # of an animation; milliseconds
_MASK = (255, 0, 200)  # no colour of the depth map
_MASK_ALPHA = 0.5


def thumbnail(picture: NDArray[np.uint8], long_side: int) -> str:
    """Return a picture as a `data:` address.

    Parameters
    ----------
    picture
        RGB or RGBA (H, W, 3 or 4).
    long_side
        Larger pictures are reduced to this many pixels.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    stream = io.BytesIO()
    PILImage.fromarray(np.asarray(small)).save(stream, "WEBP", quality=QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def animation(frames: Sequence[Picture], long_side: int) -> str:
    """Return a loop of pictures (H, W, 3) as a `data:` address, at most 24 of them in 4 s."""
    chosen = frames[:: -(-len(frames) // _FRAMES)]
    height, width = chosen[0].shape[:2]
    scale = min(1.0, long_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = [
        PILImage.fromarray(np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA)))
        for one in chosen
    ]
    stream = io.BytesIO()
    small[0].save(
        stream,
        "WEBP",
        save_all=True,
        append_images=small[1:],
        duration=_LOOP // len(small),
        loop=0,
        quality=QUALITY,
    )
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def mask_overlay(mask: Picture) -> NDArray[np.uint8]:
    """Return a mask's picture as a tint to lay over others.

    Parameters
    ----------
    mask
        Gray, or one colour an instance on black, RGB (H, W, 3).

    Returns
    -------
    ndarray
        RGBA (H, W, 4): half transparent on the object, fully elsewhere.
    """
    strength = mask.max(axis=2, keepdims=True)
    is_gray = bool((mask == mask[..., :1]).all())
    tint = np.broadcast_to(np.array(_MASK, np.uint8), mask.shape) if is_gray else mask
    alpha = np.rint(strength * _MASK_ALPHA).astype(np.uint8)
    return np.concatenate([tint, alpha], axis=2)
