"""Masks made worse on purpose, to see how much refinement depends on them (paper section 4.5)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import DegradationKind
from maskdepth_cli.types import Mask


@dataclass(frozen=True)
class Degradation:
    """One step of one kind.

    Parameters
    ----------
    kind : {"dilate", "erode", "coarsen", "wander"}
        Grow or shrink by a disc, lose resolution, or let the edge wander.
    amount : int
        Radius in pixels; for ``coarsen`` the factor of the loss; for ``wander`` the largest
        displacement in pixels.
    """

    kind: DegradationKind
    amount: int

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


STEPS = (
    *(Degradation("dilate", radius) for radius in (1, 2, 4, 8)),
    *(Degradation("erode", radius) for radius in (1, 2, 4, 8)),
    *(Degradation("coarsen", factor) for factor in (2, 4, 8, 16)),
    *(Degradation("wander", largest) for largest in (1, 2, 3)),
)
WAVES = 16  # of a wandering edge along the frame's long side
REACHED = 0.95  # share of the frame that is displaced by less than the largest amount


def degrade(mask: Mask, degradation: Degradation) -> Mask:
    """Make a mask worse.

    Parameters
    ----------
    mask : (H, W) float32 array
        In [0, 1].
    degradation : Degradation
        ``dilate`` and ``erode`` are grey-level; the frame erodes nothing. ``coarsen`` averages
        over squares, interpolates back and cuts at one half, as a coarse network would.
        ``wander`` displaces the mask by a smooth field, drawn once for all masks of a size, as
        outlines made by hand or at another resolution are off, now outwards and now inwards.

    Returns
    -------
    (H, W) float32 array
        Possibly empty.
    """
    import cv2

    if degradation.kind == "coarsen":
        height, width = mask.shape
        factor = degradation.amount
        size = (max(round(width / factor), 1), max(round(height / factor), 1))
        small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
        large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(large >= 0.5, np.float32)
    if degradation.kind == "wander":
        edge = cv2.BORDER_REPLICATE
        y, x = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
        off_x, off_y = degradation.amount * _wandering(mask.shape)
        return np.asarray(cv2.remap(mask, x + off_x, y + off_y, cv2.INTER_NEAREST, borderMode=edge))
    radius = degradation.amount
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (x * x + y * y <= (radius + 0.5) ** 2).astype(np.uint8)
    change = cv2.dilate if degradation.kind == "dilate" else cv2.erode
    return np.asarray(change(mask, disc), np.float32)


@cache
def _wandering(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw a smooth displacement (2, H, W), in x and y, of length 1 at most."""
    import cv2

    height, width = shape
    cells = [max(round(WAVES * side / max(shape)), 2) for side in shape]
    rng = np.random.default_rng(0)
    field = np.stack(
        [
            cv2.resize(rng.normal(size=cells), (width, height), interpolation=cv2.INTER_CUBIC)
            for _ in range(2)
        ]
    )
    length = np.hypot(*field)
    largest = np.maximum(length, np.quantile(length, REACHED))
    return np.asarray(field / largest, np.float32)
