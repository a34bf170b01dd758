"""Signs that a refinement cannot be what was meant: measured a photo, told once a run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.files import libraries
from maskdepth_cli.files.depths import DepthMap
from maskdepth_cli.files.mask_rules import TRIMAP, TURN, UNIT_CODES, VOID, WHITE_ID
from maskdepth_cli.files.scales import WHITE
from maskdepth_cli.run.remarks import Sign
from maskdepth_cli.types import InverseDepth, Mask

BEHIND, UNCHANGED, FULL, BARE = "behind", "unchanged", "nearly full", "nearly empty"
LOWEST, HIGHEST = "lowest", "highest"
OWN_EDGES = "own edges"
_LONG_SIDE = 256  # that suffices to tell near from far
_REACH = 9  # of these pixels, to both sides of the mask's boundary
_CLEARLY = 0.3  # of the summed differences, that one side must prevail by
_LEAST = 0.01  # of the map's range, by which the two sides differ on average
_FULL, _BARE = 0.98, 0.001  # of the photo
_CHANGED = 1e-4  # of the map's range
_MANY = 0.005  # of the map's pixels
_APART = 0.1  # of the range of all other numbers
_MOST_UNKNOWN = 0.2  # of the masked pixels of a metric map that nobody doubts


def signs_of(
    initial: InverseDepth, mask: Mask, max_change: float, *, divides: bool = False
) -> Iterator[str]:
    """Yield the signs of one photo.

    Parameters
    ----------
    initial
        (H, W) initial inverse depth.
    mask
        (H, W) mask, or the union of several.
    max_change
        The largest difference that refinement made.
    divides
        The mask is the union of an instance map's regions, floors and walls among them: that these
        cover the photo, or lie behind what they leave, is no sign of anything.
    """
    step = max(1, round(max(mask.shape) / _LONG_SIDE))
    small, covered = initial[::step, ::step], mask[::step, ::step] > 0.5
    known = np.isfinite(small)
    span = float(np.ptp(small[known])) if known.any() else 0.0
    share = float(mask.mean())
    if share > _FULL and not divides:
        yield FULL
    if share < _BARE:
        yield BARE
    if max_change <= _CHANGED * span:
        yield UNCHANGED
    if span and not divides and _lies_behind(small, covered, known, span):
        yield BEHIND


def lone_numbers(depth: DepthMap) -> Iterator[str]:
    """Yield that many pixels of a map hold one number, far from all others: 0, 65535 or -1.

    Of a metric map's numbers the lowest is not looked at, nor are infinite distances of floats.

    Parameters
    ----------
    depth
        As it was read, so that its numbers are the file's.
    """
    numbers, metric = depth.numbers, depth.scale.kind == "depth"
    if numbers is None or (metric and not depth.bits):
        return
    known = numbers.ravel()
    if numbers.dtype.kind == "f":
        known = known[np.isfinite(known)]
    if (told := depth.scale.unknown) is not None and (known == told).any():
        known = known[known != told]
    if known.size == 0:
        return
    lowest, highest = known.min(), known.max()
    for sign, extreme in ((LOWEST, lowest), (HIGHEST, highest)):
        count = np.count_nonzero(known == extreme)
        if not _MANY < count / known.size < 1 or (metric and sign == LOWEST):
            continue
        others = known[known != extreme]
        near, far = float(others.min()), float(others.max())
        apart = near - float(lowest) if sign == LOWEST else float(highest) - far
        if apart > _APART * (far - near) > 0:
            yield sign


def doubts(initial: DepthMap, mask: Mask) -> Iterator[str]:
    """Say why a map can hardly be the metric depth that it is said to be."""
    if initial.scale.kind != "depth":
        return
    if 0 < initial.bits <= 8:
        yield (
            "256 levels are no metric depth; a picture whose white is far is --depth-kind far, one "
            "whose white is near is --depth-kind inverse"
        )
    elif initial.numbers is not None and _stretched(initial):
        yield (
            "its numbers fill their range from end to end, as those of maps without a scale do: "
            "--depth-kind far, or inverse"
        )
    masked = mask > 0.5
    unknown = masked & ~np.isfinite(initial.inverse)
    if (share := unknown.sum() / max(masked.sum(), 1)) > _MOST_UNKNOWN:
        yield (
            f"{share:.0%} of what is masked has no distance above 0; if it is no metric depth: "
            "--depth-kind far, or inverse"
        )


def _stretched(depth: DepthMap) -> bool:
    """Tell whether numbers go from exactly 0 to exactly 1, or the largest code, without a gap."""
    assert depth.numbers is not None
    known = depth.numbers[np.isfinite(depth.numbers)]
    white = WHITE if depth.bits else 1
    ends = known.size and known.min() == 0 and known.max() == white
    return bool(ends) and HIGHEST not in lone_numbers(depth)


def _lies_behind(
    depth: InverseDepth, covered: NDArray[np.bool_], known: NDArray[np.bool_], span: float
) -> bool:
    """Tell whether what is covered is farther than what is beside it, along its boundary."""
    cv2 = libraries.opencv()
    filled = np.where(known, depth, 0).astype(np.float32)

    def mean_of(side: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight = (side & known).astype(np.float32)
        window = (_REACH, _REACH)
        count = cv2.boxFilter(weight, -1, window, normalize=False)
        total = cv2.boxFilter(filled * weight, -1, window, normalize=False)
        return total / np.maximum(count, 1), count

    inside, of_inside = mean_of(covered)
    outside, of_outside = mean_of(~covered)
    boundary = (of_inside > 0.5) & (of_outside > 0.5)
    difference = (inside - outside)[boundary]
    total = float(np.abs(difference).sum())
    if total < _LEAST * span * max(difference.size, 1):
        return False
    return float(difference.sum()) < -_CLEARLY * total


def told_signs(depth_kind: DepthKind | None) -> tuple[Sign, ...]:
    """Return what is told of a run.

    Parameters
    ----------
    depth_kind
        What the initial depth was said to be; None: it was predicted.
    """
    if depth_kind is None:
        cause = "are the masks inverted (--invert)?"
    elif depth_kind == "inverse":
        cause = "is it metric depth (--depth-kind depth), or are the masks inverted (--invert)?"
    else:
        cause = f"is it really --depth-kind {depth_kind}, or are the masks inverted (--invert)?"
    return (
        Sign(
            BEHIND,
            "in {count} of {total} photos what is masked lies behind its surroundings, as sky and "
            f"backgrounds do; {cause}",
        ),
        Sign(
            UNCHANGED,
            "nothing changed in {count} of {total} photos: do masks and depth maps belong to these "
            "photos, and do the masks show objects?",
            0.9,
        ),
        Sign(
            FULL,
            "masks cover nearly the whole photo in {count} of {total} photos: is white the object? "
            "else --invert; codes other than 0 and white: --mask-levels",
        ),
        Sign(
            BARE,
            "masks cover nearly nothing in {count} of {total} photos: were they written with codes "
            "below white (--mask-levels), or are they of other photos?",
        ),
        Sign(
            LOWEST,
            "in depth maps of {count} of {total} photos many pixels hold one number far below all "
            "others; if it means that nothing was measured: --unknown 0 (or what it is)",
            0,
        ),
        Sign(
            HIGHEST,
            "in depth maps of {count} of {total} photos many pixels hold one number far above all "
            "others; if it means that nothing was measured: --unknown 65535 (or what it is)",
            0,
        ),
        Sign(
            OWN_EDGES,
            "masks of {count} of {total} photos have edges that are off by some pixels: there the "
            "depth maps' own are kept, which the photos bear out (--mask-edges exact: the masks')",
            0,
        ),
        Sign(
            UNIT_CODES,
            "masks of {count} of {total} photos hold no number but 0 and 1, taken as background "
            "and object; if they are nearly black pictures: --mask-levels 255",
            0,
        ),
        Sign(
            TRIMAP,
            "masks of {count} of {total} photos have black, white and one gray between, as "
            "trimaps: the gray is taken as half covered; make mattes of them first",
            0,
        ),
        Sign(
            VOID,
            "instance maps of {count} of {total} photos hold 255 in a palette: void by the VOC "
            "convention, neither object nor background (--void -1 if it is an object)",
            0,
        ),
        Sign(
            WHITE_ID,
            "instance maps of {count} of {total} photos hold 255 or 65535 among small numbers, "
            "taken as an object; if it is neither object nor background: --void 255 (or 65535)",
            0,
        ),
        Sign(
            TURN,
            "{count} of {total} photos are turned by their Exif block, their masks or depth maps "
            "are not, and shapes fit either way; if some were made without the turn: --as-stored "
            "masks, depths or all",
            0,
        ),
    )
