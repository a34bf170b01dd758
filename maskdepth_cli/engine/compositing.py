"""Two layers and a mask to one depth map at full size, in parts (paper section 3.2, Eq. 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import strips
from maskdepth_cli.engine.beyond import Part, nearness
from maskdepth_cli.engine.keep import RIM, keep_weight
from maskdepth_cli.engine.mask_edges import LEAST_GAP
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.scaling import Scaled
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.engine.windows import Place, Window
from maskdepth_cli.networks.config import DEPTH_RANGE
from maskdepth_cli.types import InverseDepth, Mask


@dataclass(frozen=True)
class Layers:
    """What a mask's window is composited from; (h, w) each, at working size."""

    foreground: InverseDepth  # in [0, 10]
    background: InverseDepth
    kept: Mask | None = None  # how far the given depth's own edges are kept, see `own_edges`


STRIP = 1 << 16  # pixels of a strip: what is computed of them stays in the cache
_ROUNDING = 1e-6  # of the range: what float32 leaves of its ends
CELL = 64  # side of the squares that are left out where nothing is to be done


def composite(
    depth: InverseDepth,
    scaled: Scaled,
    mask: Mask,
    small_mask: Mask,
    layers: Layers,
    window: Window,
    settings: RefineSettings,
    *,
    merges: bool,
) -> Iterator[Part]:
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
    layers : Layers
        Of the window. Where the given depth is kept although the mask's edge is near, the mask
        that is composited with follows the depth.
    window : Window
        Where in the image.
    settings : RefineSettings
        The keep band; whether layers are wanted.
    merges : bool
        Whether the result is merged with other masks', to which it matters what the mask covers.

    Yields
    ------
    Part
        Of the window: all of it, or where no layers are wanted those in which the depth may
        change, and those the mask covers if it is merged.
    """
    foreground, background, kept = layers.foreground, layers.background, layers.kept
    small = scaled.small[window.small]
    if settings.keep == "band":
        foreground, background = (
            _not_towards(*pair, small)
            for pair in ((foreground, background), (background, foreground))
        )
        change = np.abs(small_mask * foreground + (1 - small_mask) * background - small)
        reach = max(settings.keep_dilation * max(window.size), 1.0)
        weight = keep_weight(small_mask, change > settings.keep_threshold * DEPTH_RANGE, reach)
        weight *= window.rim(RIM)
    else:
        weight = np.ones_like(small)
    stacked = [foreground - small, background - small, small, weight]
    stacked += [] if kept is None else [kept]
    stacked += [nearness(small_mask)] if settings.layers else []
    maps = _Enlarged(np.stack(stacked), window, depth.shape)
    if settings.layers:
        parts = _strips(window)
    else:
        parts = _cells(window, maps, (weight > 0) | (small_mask > 0) if merges else weight > 0)
    rows, columns = window.full
    for part in parts:
        own = mask[
            part[0].start - rows.start : part[0].stop - rows.start,
            part[1].start - columns.start : part[1].stop - columns.start,
        ]
        enlarged = maps.part(part)
        refined = _composite_part(
            depth[part],
            scaled,
            own,
            enlarged[:4],
            None if kept is None else enlarged[4],
            settings,
            settings.layers or merges,
        )
        yield Part(part, refined, enlarged[-1] if settings.layers else None)


def _not_towards(layer: InverseDepth, other: InverseDepth, given: InverseDepth) -> InverseDepth:
    """Return a layer; where it lies behind the other, corrected only away from that one.

    What is wrong beside a nearer thing is mixed with it; a correction towards that makes what lies
    plainly behind worse ten times as often as better. Where both are as near as makes no edge, that
    is no reason, and it may be corrected either way.
    """
    share = np.clip((other - layer) / np.float32(LEAST_GAP), 0, 1)
    kept: InverseDepth = layer - share * np.clip(layer - given, 0, None)
    return kept


def _strips(window: Window) -> Iterator[Place]:
    """Divide a window into rows over its whole width."""
    rows, columns = window.full
    for part in strips(rows.start, rows.stop, STRIP // (columns.stop - columns.start)):
        yield part, columns


def _cells(window: Window, maps: _Enlarged, wanted: NDArray[np.bool_]) -> Iterator[Place]:
    """Divide into squares; yield neighbours of a row, together, whose values come from ``wanted``.

    Parameters
    ----------
    window : Window
        What to divide.
    maps : _Enlarged
        Tells which pixels at working size a part takes its values from.
    wanted : array of bool
        (h, w) of the window at working size.
    """
    rows, columns = window.full
    for part in strips(rows.start, rows.stop, CELL):
        used = np.asarray(wanted[maps.rows.sources(part)].any(axis=0))
        run: slice | None = None
        for cell in strips(columns.start, columns.stop, CELL):
            if used[maps.columns.sources(cell)].any():
                run = slice(run.start if run else cell.start, cell.stop)
            elif run:
                yield part, run
                run = None
        if run:
            yield part, run


def _composite_part(
    depth: InverseDepth,
    scaled: Scaled,
    mask: Mask,
    maps: NDArray[np.float32],
    kept: Mask | None,
    settings: RefineSettings,
    layered: bool,
) -> RefinedDepth:
    """Composite a part; ``maps`` are both corrections, the small depth and the weight.

    Not ``layered``, the layers of the result are the initial depth.
    """
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
    if kept is not None:
        kept *= known  # no depth, no edge
        mask = _with_own_edges(mask, front, back, kept)
    both = front - back
    both *= mask
    both += back
    both *= weight

    # Detail on top of a correction does not lead out of the range, unless it was there before.
    span = DEPTH_RANGE * scaled.unit
    lowest: float | InverseDepth = scaled.low - _ROUNDING * span
    highest: float | InverseDepth = scaled.low + (1 + _ROUNDING) * span
    if settings.whole_range:
        lowest, highest = (
            edge(values, np.float32(bound))
            for edge, bound in ((np.minimum, lowest), (np.maximum, highest))
        )

    def restored(correction: InverseDepth) -> InverseDepth:
        correction *= np.float32(scaled.unit)
        correction += values
        np.clip(correction, lowest, highest, out=correction)
        np.copyto(correction, depth, where=~known)
        return correction

    changed = weight > 0
    changed &= known
    if not layered:
        return RefinedDepth(restored(both), depth, depth, mask, changed, kept is not None)
    # A layer keeps the caller's values in its own region, and is whole beyond it; where both share
    # a pixel, both take what their composite lacks.
    given = 1 - weight
    lacking = given * mask * (1 - mask) * (front + back)
    front *= 1 - mask * given
    back *= 1 - (1 - mask) * given
    front -= lacking
    back -= lacking
    layers = restored(front), restored(back)
    return RefinedDepth(restored(both), *layers, mask, changed, kept is not None)


def _with_own_edges(
    mask: Mask, front: NDArray[np.float32], back: NDArray[np.float32], kept: Mask
) -> Mask:
    """Return the mask with which both layers give the given depth, as far as that is kept.

    Where it lies beyond a layer, that one's correction is taken back.
    """
    gap = front - back
    told = np.abs(gap) >= LEAST_GAP
    own = mask.copy()
    np.divide(-back, gap, out=own, where=told)
    rest = 1 - kept
    np.multiply(front, rest, out=front, where=told & (own >= 1))
    np.multiply(back, rest, out=back, where=told & (own <= 0))
    np.clip(own, 0, 1, out=own)
    own -= mask
    own *= kept
    own += mask
    return own


@dataclass(frozen=True)
class _Axis:
    """How pixels along one side of the full size lie between those of a window's working size."""

    first: int  # of the window, at full size
    before: NDArray[np.intp]  # pixel of the working size at or before each one
    share: NDArray[np.float32]  # of the pixel after it

    @classmethod
    def of(cls, small: slice, full: slice, sides: tuple[int, int]) -> _Axis:
        """Place a window's pixels; ``sides`` are the whole image's at working and full size."""
        place = (np.arange(full.start, full.stop) + 0.5) * (sides[0] / sides[1]) - 0.5
        place = np.clip(place - small.start, 0, small.stop - small.start - 1)
        before = place.astype(np.intp)
        return cls(full.start, before, (place - before).astype(np.float32))

    def sources(self, part: slice) -> slice:
        """Return the pixels of the working size that a part of the full size is made from."""
        before = self.before[part.start - self.first : part.stop - self.first]
        return slice(int(before[0]), int(before[-1]) + 2)

    def enlarge(self, maps: NDArray[np.float32], part: slice, axis: int) -> NDArray[np.float32]:
        """Interpolate ``maps``, which hold the sources of a part, along an axis."""
        own = slice(part.start - self.first, part.stop - self.first)
        before = self.before[own] - self.before[own.start]
        after = np.minimum(before + 1, maps.shape[axis] - 1)
        share = self.share[own]
        result = maps.take(before, axis)
        step = maps.take(after, axis)
        step -= result
        step *= share if axis == maps.ndim - 1 else share[:, None]
        result += step
        return result


class _Enlarged:
    """Maps (N, h, w) of a window at working size, brought to full size part by part, bilinear.

    As ``cv2.resize`` does it over the whole image: pixel centres correspond, edges are repeated.
    """

    def __init__(self, maps: NDArray[np.float32], window: Window, full: tuple[int, ...]) -> None:
        self.rows, self.columns = (
            _Axis.of(*sides)
            for sides in zip(
                window.small, window.full, zip(window.size, full, strict=True), strict=True
            )
        )
        self._maps = maps

    def part(self, place: Place) -> NDArray[np.float32]:
        """Return a part of the full size, (N, rows, columns), to be overwritten."""
        rows, columns = place
        sources = self._maps[:, self.rows.sources(rows), self.columns.sources(columns)]
        return self.rows.enlarge(self.columns.enlarge(sources, columns, 2), rows, 1)
