"""Masks to composite with: folders of mask files, and the holes in a mask (paper section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MaskKind
from maskdepth_cli.errors import NothingToDoError
from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.training.memory import Remembered
from maskdepth_cli.training.sources import draw_readable
from maskdepth_cli.types import Mask

MAX_HOLES = 8  # the largest ones of a mask
MAX_HOLE_AREA = 0.25  # of the patch; a larger region is background, not a hole
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


class MaskFolder:
    """Every mask file below some folders, soft as they are.

    Parameters
    ----------
    roots : sequence of Path
        Folders, searched to the bottom.
    kind : {"object", "sky", "human"}
        What they show.

    Raises
    ------
    NothingToDoError
        A folder holds no picture.
    """

    def __init__(self, roots: Sequence[Path], kind: MaskKind = "object") -> None:
        self.kinds = frozenset((kind,))
        self.files: list[Path] = []
        for root in roots:
            found = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
            if not found:
                raise NothingToDoError(f"{root}: no mask files (PNG, JPEG, TIFF, WebP, BMP)")
            self.files += found
        self.mask = Remembered(self._read)

    def __len__(self) -> int:
        return len(self.files)

    def draw(self, kind: MaskKind, rng: np.random.Generator) -> Mask:
        """Draw a mask."""
        return draw_readable(self.mask, len(self), rng)

    def _read(self, index: int) -> Mask:
        return read_mask(self.files[index])


def find_holes(mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Label the holes of a mask: components of 1-M that do not touch the border (spec section 3).

    Parameters
    ----------
    mask : array
        (H, W), 1 = object.

    Returns
    -------
    array
        (H, W) uint8; 0 = no hole, else 1 to `MAX_HOLES`, the largest first.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (mask < 0.5).astype(np.uint8), connectivity=4
    )
    height, width = mask.shape
    inside = (
        (stats[:, cv2.CC_STAT_LEFT] > 0)
        & (stats[:, cv2.CC_STAT_TOP] > 0)
        & (stats[:, cv2.CC_STAT_LEFT] + stats[:, cv2.CC_STAT_WIDTH] < width)
        & (stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT] < height)
        & (stats[:, cv2.CC_STAT_AREA] <= MAX_HOLE_AREA * mask.size)
    )
    inside[0] = False
    holes = sorted(np.flatnonzero(inside), key=lambda i: -stats[i, cv2.CC_STAT_AREA])[:MAX_HOLES]
    table = np.zeros(count, np.uint8)
    table[holes] = np.arange(1, len(holes) + 1)
    return table[labels]
