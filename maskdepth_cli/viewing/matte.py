"""Colours of what a mask covers and of what lies behind it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import Image, Mask

_RIM = 2  # pixels beyond the mask that may still show the object
_LEAST_ALPHA = 0.05  # below it a pixel tells nothing about the object's colour
_GAMMA = 2.4


def clean_plate(image: Image, mask: Mask) -> Image:
    """Return the photo without the object: its colours continued into the mask, smoothly.

    Push-pull completion from the pixels that show nothing of the object; made for what a blur or a
    small shift uncovers, no picture of what is really there.

    Parameters
    ----------
    image
        Photo (H, W, 3).
    mask
        Object (H, W) in [0, 1].

    Returns
    -------
    Image
        (H, W, 3); equal to the photo farther than two pixels from the mask.
    """
    kernel = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    near = cv2.dilate((mask > 0).astype(np.uint8), kernel).astype(bool)
    if near.all():
        near = mask >= 1
    return np.where(near[..., None], _filled(image, (~near).astype(np.float32)), image)


def _filled(colors: Image, weights: Mask) -> Image:
    """Return smooth colours (H, W, 3) everywhere from those whose weight is above 0."""
    import torch

    from maskdepth_cli.networks.completion import push_pull

    values = torch.from_numpy(np.ascontiguousarray(colors.transpose(2, 0, 1)))[None]
    filled = push_pull(values, torch.from_numpy(np.ascontiguousarray(weights))[None, None])
    return np.asarray(filled[0].numpy().transpose(1, 2, 0))


def object_color(image: Image, mask: Mask, plate: Image) -> Image:
    """Return the object's own colour: what remains of mixed pixels without the background.

    The photo is ``mask * object + (1 - mask) * background``.

    Parameters
    ----------
    image, mask
        Photo (H, W, 3) and object (H, W), both in [0, 1].
    plate
        The background (H, W, 3), see `clean_plate`.
    """
    alpha = mask[..., None]
    own = (image - (1 - alpha) * plate) / np.maximum(alpha, np.float32(_LEAST_ALPHA))
    return np.where(alpha >= 1, image, np.clip(own, 0, 1))


def continued(own: Image, mask: Mask) -> Image:
    """Return the object's colour with smooth colours where the mask hardly shows it.

    Programs that scale or blur pictures mix pixels with their neighbours beyond the mask.

    Parameters
    ----------
    own
        See `object_color`.
    mask
        Object (H, W) in [0, 1]; if it is below 0.5 everywhere, `own` is returned.
    """
    certain = np.where(mask >= 0.5, mask, np.float32(0))
    if not certain.any():
        return own
    return np.where(mask[..., None] < _LEAST_ALPHA, _filled(own, certain), own)


def background_color(image: Image, mask: Mask, own: Image, plate: Image) -> Image:
    """Return the plate with what the object's colour cannot explain of mixed pixels.

    With colours in [0, 1] alone, ``mask * object + (1 - mask) * plate`` is not the photo where the
    plate or the mask is wrong; with this in place of the plate it is.

    Parameters
    ----------
    image, mask
        Photo (H, W, 3) and object (H, W), both in [0, 1].
    own, plate
        See `object_color` and `clean_plate`.
    """
    alpha = mask[..., None]
    mixed = (alpha > 0) & (alpha < 1)
    rest = (image - alpha * own) / np.where(mixed, 1 - alpha, np.float32(1))
    return np.where(mixed, np.clip(rest, 0, 1), plate)


def to_linear(image: Image) -> Image:
    """Return sRGB values in [0, 1] as linear light (IEC 61966-2-1)."""
    curve = ((np.maximum(image, 0) + 0.055) / 1.055) ** np.float32(_GAMMA)
    return np.where(image <= 0.04045, image / np.float32(12.92), curve).astype(np.float32)


def from_linear(light: NDArray[np.float32]) -> Image:
    """Return linear light in [0, 1] as sRGB values, the inverse of `to_linear`."""
    curve = 1.055 * np.maximum(light, 0) ** np.float32(1 / _GAMMA) - 0.055
    return np.where(light <= 0.0031308, light * np.float32(12.92), curve).astype(np.float32)
