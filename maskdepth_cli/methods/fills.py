"""Classical completion of a depth map from its known pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.extras import extra
from maskdepth_cli.types import InverseDepth

BoolArray = NDArray[np.bool_]


def fill_nearest(depth: InverseDepth, known: BoolArray) -> InverseDepth:
    """Give every unknown pixel the value of the nearest known one (Euclidean distance).

    Parameters
    ----------
    depth : (H, W) float32 array
        Inverse depth; only known pixels are read.
    known : (H, W) bool array
        The pixels to keep.

    Returns
    -------
    (H, W) float32 array
        The input itself, as a copy, when nothing is known.
    """
    ndimage = extra("scipy.ndimage", "evaluate", "filling from the nearest pixel")

    if not known.any() or known.all():
        return depth.copy()
    rows, columns = ndimage.distance_transform_edt(
        ~known, return_distances=False, return_indices=True
    )
    return np.asarray(depth[rows, columns])


def fill_telea(depth: InverseDepth, known: BoolArray, radius: float = 5) -> InverseDepth:
    """Inpaint unknown pixels by Telea's fast marching (OpenCV).

    Parameters
    ----------
    depth : (H, W) float32 array
        Inverse depth, finite on known pixels.
    known : (H, W) bool array
        The pixels to keep, which come back unchanged.
    radius : float
        Neighbourhood in pixels that a new value is averaged from.

    Returns
    -------
    (H, W) float32 array
        The input itself, as a copy, when nothing is known.

    Notes
    -----
    OpenCV adds a gradient term measured in grey levels, so the result depends on the range of the
    values: maps in [0, 1] come out ruined. New values are therefore worked out on 16 bits
    spanning the known range.

    References
    ----------
    Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004.
    """
    import cv2

    if not known.any() or known.all():
        return depth.copy()
    low, high = float(depth[known].min()), float(depth[known].max())
    if high <= low:
        return np.where(known, depth, np.float32(low))
    step = (high - low) / 65535
    levels = np.zeros(depth.shape, np.uint16)
    levels[known] = np.rint((depth[known] - low) / step)
    filled = cv2.inpaint(levels, (~known).astype(np.uint8), radius, cv2.INPAINT_TELEA)
    return np.where(known, depth, (filled * step + low).astype(np.float32))
