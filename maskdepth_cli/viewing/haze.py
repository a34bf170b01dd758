"""Masks without the haze that background removers leave where they are unsure."""

from __future__ import annotations

import cv2
import numpy as np

from maskdepth_cli.arrays import resize
from maskdepth_cli.types import Mask

_SIZE = 512  # long side at which haze is looked for
_REACH = 0.025  # radius, as a share of the long side, of the discs that haze is wide enough for
_MOST = 0.5  # alpha from which on a pixel is the object's, however wide
_LEAST = 0.01


def without_haze(mask: Mask) -> Mask:
    """Return a mask less its haze: alpha below one half over wide areas, which is no object.

    Haze is what a grey opening with a disc leaves of the alpha below one half: strands of hair and
    soft edges are narrower than the disc. Of a pixel's alpha ``a`` under haze ``h``, the object's
    is ``(a - h) / (1 - h)``, so that it stays 1 where it was 1.

    Parameters
    ----------
    mask
        Object (H, W) in [0, 1].

    Returns
    -------
    Mask
        (H, W); the same array where there is no haze.
    """
    height, width = mask.shape
    factor = max(1.0, max(mask.shape) / _SIZE)
    shape = (max(1, round(height / factor)), max(1, round(width / factor)))
    small = resize(mask, shape, "area")
    reach = max(2, round(_REACH * max(shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    below = np.where(small < _MOST, small, np.float32(0))
    haze = cv2.morphologyEx(below, cv2.MORPH_OPEN, disc)
    if not (haze > _LEAST).any():
        return mask
    # Beside the object there is as much of it, where no disc has room.
    near = cv2.dilate(haze, disc)
    haze = np.asarray(cv2.resize(near, (width, height), interpolation=cv2.INTER_LINEAR))
    np.minimum(haze, mask, out=haze)
    rest = (mask - haze) / np.maximum(1 - haze, np.float32(_LEAST))
    return np.where(rest > _LEAST, rest, np.float32(0))
