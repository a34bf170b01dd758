"""The foreground beyond its mask: the window's near the mask, one pass over the image elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.engine.mask_edges import REACH
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.windows import MARGIN, Place
from maskdepth_cli.types import Mask

_OWN = REACH + 4  # pixels around a mask, whose edge may move, where a foreground is wholly its own


@dataclass(frozen=True)
class Part:
    """What a mask makes of a part of the image."""

    place: Place
    refined: RefinedDepth
    near: NDArray[np.float32] | None = None  # (H, W), see `nearness`; None: 1 everywhere


def nearness(mask: Mask) -> NDArray[np.float32]:
    """Share that a mask's own foreground has: 1 at the mask, 0 from the margin of windows on.

    Parameters
    ----------
    mask : Mask
        (h, w) at working size.
    """
    outside = (mask <= 0).astype(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share: NDArray[np.float32] = np.clip((MARGIN - distance) / (MARGIN - _OWN), 0, 1)
    return share


def continue_foreground(
    result: RefinedDepth, near: NDArray[np.float32], beyond: Iterable[Part]
) -> None:
    """Blend the foreground into what one pass over the whole image gave, away from the masks.

    Parameters
    ----------
    result : RefinedDepth
        Its foreground is changed where ``near`` is below 1.
    near : array
        (H, W), share of the foreground that it has.
    beyond : iterable of Part
        Foregrounds of all masks in one, over the whole image.
    """
    for part in beyond:
        share, own, other = near[part.place], result.foreground[part.place], part.refined.foreground
        with np.errstate(invalid="ignore"):  # infinite where depth is unknown
            blend = other + share * (own - other)
        np.copyto(own, blend, where=(share < 1) & np.isfinite(other))


def settle(result: RefinedDepth) -> RefinedDepth:
    """Make each layer the depth where the mask leaves nothing to the other one."""
    np.copyto(result.foreground, result.depth, where=result.mask >= 1)
    np.copyto(result.background, result.depth, where=result.mask <= 0)
    return result
