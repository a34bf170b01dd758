"""Where a depth map changed most: the windows that are shown close up."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from maskdepth_cli.types import InverseDepth

CLOSE_UP = 0.25  # sides of a close-up's window as a share of the photo's
_NOTABLE = 0.1  # a further close-up has at least this share of the first one's change
_COARSE = 8  # a sum over blocks of this side is enough to choose a place

Window = tuple[slice, slice]


def close_ups(
    before: InverseDepth, afters: Sequence[InverseDepth], count: int
) -> tuple[Window, ...]:
    """Choose the windows with the most change; they do not overlap.

    Parameters
    ----------
    before, afters
        Inverse depth (H, W); changes of all `afters` are added up.
    count
        How many at most: places that changed less than a tenth of the first one are left out.

    Returns
    -------
    tuple of (slice, slice)
        Rows and columns, the place with the most change first; empty where nothing changed.
    """
    change = np.zeros(before.shape, np.float32)
    for after in afters:
        with np.errstate(invalid="ignore"):
            moved = np.abs(after - before)
        change += np.where(np.isfinite(moved), moved, 0)
    height, width = before.shape
    down = min(height, max(_COARSE, round(CLOSE_UP * height)))
    across = min(width, max(_COARSE, round(CLOSE_UP * width)))
    blocks = max(1, width // _COARSE), max(1, height // _COARSE)
    coarse = cv2.resize(change, blocks, interpolation=cv2.INTER_AREA)
    kernel = max(1, across // _COARSE), max(1, down // _COARSE)
    sums = cv2.boxFilter(coarse, cv2.CV_64F, kernel, borderType=cv2.BORDER_CONSTANT)
    lefts, tops = (
        np.clip((np.arange(cells) + 0.5) * side / cells - window / 2, 0, side - window).astype(int)
        for cells, side, window in zip(blocks, (width, height), (across, down), strict=True)
    )
    found: list[Window] = []
    least = max(float(sums.max()) * _NOTABLE, np.finfo(np.float32).tiny)
    while len(found) < count and sums.max() >= least:
        row, column = np.unravel_index(int(np.argmax(sums)), sums.shape)
        top, left = int(tops[row]), int(lefts[column])
        found.append((slice(top, top + down), slice(left, left + across)))
        near = np.abs(tops - top) < down
        sums[np.ix_(near, np.abs(lefts - left) < across)] = 0
    return tuple(found)
