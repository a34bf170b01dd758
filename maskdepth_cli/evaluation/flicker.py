"""How much errors change from frame to frame of a clip, followed by the motion of the photos."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import as_image
from maskdepth_cli.engine.motion import find_motion, gray_of, moved
from maskdepth_cli.metrics.regions import mask_regions
from maskdepth_cli.types import Image, Mask

SMALLEST = 16  # pixels a side, below which no flow is found


def flicker(
    photos: tuple[Image, Image],
    errors: tuple[NDArray[np.float64], NDArray[np.float64]],
    masks: Sequence[Mask],
    band: float,
) -> float:
    """Temporal change of the error around masks.

    The warping error of Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, taken
    of the error in place of the map: what truly moves in depth does not count. Pixels count whose
    flow, from this photo to the one before and back, meets its start.

    Parameters
    ----------
    photos : tuple of Image
        (H, W, 3), this frame and the one before.
    errors : tuple of array
        (H, W) prediction minus truth of both, NaN where unknown.
    masks : sequence of Mask
        (H, W) in [0, 1], of this frame.
    band : float
        Reach around the masks' outlines, as a share of the long side.

    Returns
    -------
    float
        Mean absolute change, in units of the truth scaled to [0, 1]; NaN where the frames differ in
        size, show different scenes, or no pixel counts.
    """
    shape = photos[0].shape
    if shape != photos[1].shape or min(shape[:2]) < SMALLEST or not masks:
        return math.nan
    motion = find_motion(*(gray_of(as_image(photo)) for photo in photos))
    if motion.is_cut:
        return math.nan
    near = np.logical_or.reduce([mask_regions(mask, band).band for mask in masks])
    before = moved(errors[1].astype(np.float32), motion.flow)
    change = np.abs(errors[0] - before)[near & (motion.certain > 0)]
    known = change[np.isfinite(change)]
    return float(known.mean()) if known.size else math.nan
