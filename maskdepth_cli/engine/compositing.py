"""Two layers and a mask to one depth map at full size, in strips (paper section 3.2, Eq. 3)."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.engine.keep import RIM, keep_weight
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.scaling import Scaled
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.engine.windows import Place, Window
from maskdepth_cli.networks.refinement import DEPTH_RANGE
from maskdepth_cli.types import InverseDepth, Mask

STRIP = 1 << 16  # pixels of a strip: what is computed of them stays in the cache


def composite(
    depth: InverseDepth,
    scaled: Scaled,
    mask: Mask,
    small_mask: Mask,
    layers: tuple[InverseDepth, InverseDepth],
    window: Window,
    settings: RefineSettings,
) -> Iterator[tuple[Place, RefinedDepth]]:
    """Composite at full size: ``M D1 + (1-M) D2`` inside the keep band.

    Corrections of the layers are enlarged rather than their values, so that the input's own detail
    stays; where the correction is large the detail belongs to what was wrong, and goes too.

    Parameters
    ----------
    depth : InverseDepth
        (H, W) in the caller's units.
    scaled : Scaled
        The same at working size.
    mask, small_mask : Mask
        Of the window, at full and at working size.
    layers : tuple of InverseDepth
        Foreground and background of the window at working size, in [0, 10].
    window : Window
        Where in the image.
    settings : RefineSettings
        The keep band.

    Yields
    ------
    tuple of Place and RefinedDepth
        Rows of the window from top to bottom, with their place in the image.
    """
    foreground, background = layers
    small = scaled.small[window.small]
    if settings.keep == "band":
        change = np.abs(small_mask * foreground + (1 - small_mask) * background - small)
        reach = max(settings.keep_dilation * max(window.size), 1.0)
        weight = keep_weight(small_mask, change > settings.keep_threshold * DEPTH_RANGE, reach)
        weight *= window.rim(RIM)
    else:
        weight = np.ones_like(small)
    maps = _Enlarged((foreground - small, background - small, small, weight), window, depth.shape)
    rows, columns = window.full
    step = max(STRIP // (columns.stop - columns.start), 1)
    for start in range(rows.start, rows.stop, step):
        part = slice(start, min(start + step, rows.stop))
        own = mask[part.start - rows.start : part.stop - rows.start]
        strip = _composite_strip(depth[part, columns], scaled, own, maps.rows(part), settings)
        yield (part, columns), strip


def _composite_strip(
    depth: InverseDepth,
    scaled: Scaled,
    mask: Mask,
    maps: NDArray[np.float32],
    settings: RefineSettings,
) -> RefinedDepth:
    """Composite some rows; ``maps`` are both corrections, the small depth and the weight."""
    front, back, small, weight = maps  # (H, W) each, changed in place
    known = np.isfinite(depth)
    values = np.where(known, depth, np.float32(scaled.low))
    detail = (values - np.float32(scaled.low)) / np.float32(scaled.unit)
    detail -= small
    limit = np.float32(settings.keep_threshold * DEPTH_RANGE)
    for correction in (front, back):
        share = np.abs(correction)
        share /= limit
        np.minimum(share, 1, out=share)
        share *= detail
        correction -= share
    both = front - back
    both *= mask
    both += back
    both *= weight
    # A layer keeps the caller's values in its own region, and is whole beyond it.
    front *= 1 - mask * (1 - weight)
    back *= 1 - (1 - mask) * (1 - weight)

    def restored(correction: InverseDepth) -> InverseDepth:
        correction *= np.float32(scaled.unit)
        correction += values
        np.copyto(correction, depth, where=~known)
        return correction

    changed = weight > 0
    changed &= known
    return RefinedDepth(restored(both), restored(front), restored(back), mask, changed)


class _Enlarged:
    """Maps of a window at working size, brought to full size row by row, bilinear.

    As ``cv2.resize`` does it over the whole image: along the rows first, all at once, for there
    are few; down the columns when rows are asked for.
    """

    def __init__(
        self, maps: tuple[NDArray[np.float32], ...], window: Window, full: tuple[int, ...]
    ) -> None:
        stacked = np.stack(maps)  # (N, h, w) of the window
        self._first = window.small[0].start
        self._factor = window.size[0] / full[0]
        self._same = window.size == tuple(full)
        if not self._same:
            columns, whole = window.small[1], window.size[1]
            outside = (0, 0), (0, 0), (columns.start, whole - columns.stop)
            padded = np.pad(stacked, outside, mode="edge").reshape(-1, whole)
            wide = cv2.resize(padded, (full[1], len(padded)), interpolation=cv2.INTER_LINEAR)
            wide = wide.reshape(*stacked.shape[:2], full[1])
            stacked = np.ascontiguousarray(wide[:, :, window.full[1]])
        self._maps = stacked

    def rows(self, part: slice) -> NDArray[np.float32]:
        """Return rows of the full size, (N, rows, columns of the window), to be overwritten."""
        if self._same:
            return self._maps[:, part.start - self._first : part.stop - self._first].copy()
        last = self._maps.shape[1] - 1
        place = ((np.arange(part.start, part.stop) + 0.5) * self._factor - 0.5).astype(np.float32)
        place = np.clip(place - np.float32(self._first), 0, last)
        upper = place.astype(np.intp)
        top = self._maps[:, upper]
        rows = self._maps[:, np.minimum(upper + 1, last)]
        rows -= top
        rows *= (place - upper).astype(np.float32)[:, None]
        rows += top
        return rows
