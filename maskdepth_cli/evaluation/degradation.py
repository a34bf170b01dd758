"""Masks made worse on purpose, to see how much refinement depends on them (paper section 4.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskdepth_cli.choices import DegradationKind
from maskdepth_cli.types import Mask


@dataclass(frozen=True)
class Degradation:
    """One step of one kind.

    Parameters
    ----------
    kind : {"dilate", "erode", "coarsen"}
        Grow or shrink by a disc, or lose resolution.
    amount : int
        Radius in pixels; for ``coarsen`` the factor of the loss.
    """

    kind: DegradationKind
    amount: int

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


STEPS = (
    *(Degradation("dilate", radius) for radius in (1, 2, 4, 8)),
    *(Degradation("erode", radius) for radius in (1, 2, 4, 8)),
    *(Degradation("coarsen", factor) for factor in (2, 4, 8, 16)),
)


def degrade(mask: Mask, degradation: Degradation) -> Mask:
    """Make a mask worse.

    Parameters
    ----------
    mask : (H, W) float32 array
        In [0, 1].
    degradation : Degradation
        ``dilate`` and ``erode`` are grey-level; the frame erodes nothing. ``coarsen`` averages
        over squares, interpolates back and cuts at one half, as a coarse network would.

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
    radius = degradation.amount
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (x * x + y * y <= (radius + 0.5) ** 2).astype(np.uint8)
    change = cv2.dilate if degradation.kind == "dilate" else cv2.erode
    return np.asarray(change(mask, disc), np.float32)
