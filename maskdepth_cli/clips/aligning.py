"""Depth of a photo network, frame by frame, on one scale: by what neither moved nor is masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import resize, resize_photo
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.types import InverseDepth, Mask, Photo

_LONGEST = 256  # pixels of the long side at which frames are compared
_STILL = 0.02  # difference of brightness, of white, below which a pixel did not move
_LEAST = 0.02  # share of the pixels that must be still
_ALIKE = 0.5  # correlation of both depths there
_ROUNDS = 10
_TUKEY = 4.685  # of the residuals' deviation: 95% efficient on normal errors


@dataclass(frozen=True)
class Gain:
    """``scale * depth + shift``."""

    scale: float = 1.0
    shift: float = 0.0

    def of(self, depth: Any) -> Any:
        """Return aligned inverse depth, float32."""
        return np.float32(self.scale) * depth + np.float32(self.shift)


AS_GIVEN = Gain()


@dataclass(frozen=True)
class _Before:
    gray: NDArray[np.float32]
    free: NDArray[np.bool_]  # not masked
    depth: InverseDepth  # aligned


class Aligner:
    """Align frames one after the other, each to the one before it.

    What is compared is still (its brightness stays within 2% of white), not masked in either
    frame, and known. The line through both depths has the slope of their deviations' ratio, the
    reduced major axis: least squares, and means of several frames, take noise for a smaller
    slope, and a clip would lose its contrast from frame to frame. Outliers are weighted down
    (Tukey's biweight).
    """

    def __init__(self) -> None:
        self._before: _Before | None = None
        self._gain = AS_GIVEN

    def add(self, photo: Photo, depth: InverseDepth, mask: Mask) -> tuple[Gain, bool]:
        """Align the next frame.

        Parameters
        ----------
        photo, depth, mask
            Of the frame; sizes may differ.

        Returns
        -------
        Gain
            Of its inverse depth. Where too little is still, as at a cut, that of the frame before.
        bool
            Whether it could be compared; also at the first frame.
        """
        step = max(depth.shape) / _LONGEST
        size = tuple(max(round(side / max(step, 1)), 1) for side in depth.shape)
        small = np.asarray(match_size(depth, (size[1], size[0]), what="depth", path=""))
        gray = resize_photo(photo, size, "area").mean(axis=2, dtype=np.float32)
        free = _eroded(resize(mask, size, "area") <= 0)
        before, compared = self._before, True
        if before is not None and before.depth.shape == small.shape:
            still = _still(before, gray, free) & np.isfinite(small) & np.isfinite(before.depth)
            gain = None
            if still.mean() >= _LEAST:
                gain = fit(small[still], before.depth[still])
            compared = gain is not None
            self._gain = gain or self._gain
        self._before = _Before(gray, free, self._gain.of(small))
        return self._gain, compared


def _still(
    before: _Before, gray: NDArray[np.float32], free: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    both = free & before.free
    change = gray - before.gray
    if both.any():
        change = change - np.median(change[both])  # the exposure may change
    return both & _eroded(np.abs(change) < _STILL)


def _eroded(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cv2

    return np.asarray(cv2.erode(where.astype(np.uint8), np.ones((3, 3), np.uint8))) > 0


def fit(given: NDArray[np.float32], wanted: NDArray[np.float32]) -> Gain | None:
    """Return scale and shift from one depth to another, both (N,); None where they are unlike."""
    x, y = given.astype(np.float64), wanted.astype(np.float64)
    weights = np.ones(len(x))
    gain = None
    for _ in range(_ROUNDS):
        total = weights.sum()
        middle_x, middle_y = (weights @ x) / total, (weights @ y) / total
        spread_x = np.sqrt(weights @ (x - middle_x) ** 2 / total)
        spread_y = np.sqrt(weights @ (y - middle_y) ** 2 / total)
        if not (spread_x > 0 and spread_y > 0):
            return gain
        together = (weights @ ((x - middle_x) * (y - middle_y))) / total
        if gain is not None and together < _ALIKE * spread_x * spread_y:
            return None
        scale = spread_y / spread_x
        shift = middle_y - scale * middle_x
        residuals = np.abs(y - scale * x - shift)
        deviation = max(float(np.median(residuals)) / 0.6745, 1e-6 * spread_y)
        weights = np.clip(1 - (residuals / (_TUKEY * deviation)) ** 2, 0, None) ** 2
        gain = Gain(float(scale), float(shift))
    return gain
