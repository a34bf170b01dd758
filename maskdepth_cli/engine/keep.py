"""The keep band: where a refinement may change the caller's values (spec section 2, item 3)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import Mask

SOFT = 0.02  # a mask that varies by more than this within 3x3 pixels has its boundary there
RIM = 4.0  # pixels over which the band fades out, inside the band


def keep_weight(mask: Mask, corrected: NDArray[np.bool_], reach: float) -> Mask:
    """Weight of the correction: 1 around the mask's boundary, 0 beyond the band.

    The band is the boundary's dilation, united with every connected region of large corrections
    that touches it. Its rim fades smoothly and lies where corrections are small.

    Parameters
    ----------
    mask : Mask
        (H, W) in [0, 1].
    corrected : array of bool
        (H, W), where the correction is too large to be dropped.
    reach : float
        Of the boundary's dilation, in pixels.

    Returns
    -------
    Mask
        (H, W) in [0, 1]; all 0 where the mask has no boundary.
    """
    square = np.ones((3, 3), np.uint8)
    boundary = cv2.dilate(mask, square) - cv2.erode(mask, square) > SOFT
    if not boundary.any():
        return np.zeros(mask.shape, np.float32)
    near = _distance(~boundary) <= reach
    count, labels = cv2.connectedComponents(corrected.astype(np.uint8), connectivity=8)
    touching = np.zeros(count, np.bool_)
    touching[np.unique(labels[near])] = True
    touching[0] = False
    core = near | touching[labels]
    # The fade lies outside the regions, on top of corrections below the threshold.
    share = np.clip(1 - _distance(~core) / RIM, 0, 1)
    weight: Mask = (share * share * (3 - 2 * share)).astype(np.float32)
    return weight


def _distance(outside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of every pixel to the nearest False one, in pixels."""
    distance: NDArray[np.float32] = cv2.distanceTransform(
        outside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return distance
