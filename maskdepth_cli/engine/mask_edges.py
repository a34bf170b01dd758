"""Masks whose edge is off by some pixels: where the initial depth's own edge is kept instead.

Modern depth is right to a pixel along plain borders, where masks of segmentation networks and
polygons are not. Both then differ by slivers, which an edge of the mask bounds on one side and one
of the depth on the other; what a depth map has filled or lost whole is bounded by the mask's edge
alone. Of two edges the right one is where the photo changes. Not in the paper, whose masks are
right.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MaskEdges
from maskdepth_cli.networks.config import DEPTH_RANGE
from maskdepth_cli.types import Image, InverseDepth, Mask

REACH = 4  # pixels at working size that a mask's edge may be off by
LEAST_GAP = 0.03 * DEPTH_RANGE  # between both layers, for depth to have an edge there
BEYOND = 0.5  # of the gap, by which depth of one of the layers may lie outside of both
BETWEEN = 0.3  # share of a sliver's pixels that must not lie farther outside
EDGE_SHARE = 0.2  # of a sliver's outline: edges of the depth
LEAST_LENGTH = 20  # pixels of such outlines from which on the photo is asked
LASTING = 8  # frames of a clip that decide together: no more than a resumed one looks back on
MARGIN = 0.005  # of white, by which the photo must change more along the depth's edges
WIDENED = 5  # side in pixels of the disc that takes in both edges of a sliver
SOFT = 0.7  # sigma in pixels of where the given depth begins to be kept


class EdgeVotes:
    """How much photos change along the edges of masks, and along those that depth has beside them.

    One for each mask; one for the frames of a clip, of which the last ones decide together.
    """

    def __init__(self) -> None:
        self._frames = deque([np.zeros((2, 2))], maxlen=LASTING)

    def next_frame(self) -> None:
        """Go on with another frame, which the ones before decide together with."""
        self._frames.append(np.zeros((2, 2)))

    def are_for_depth(self, lengths: NDArray[np.float64], changes: NDArray[np.float64]) -> bool:
        """Add an image's edges, (2,) of mask and depth: their lengths, sums of change; decide."""
        self._frames[-1] += lengths, changes
        lengths, changes = np.sum(self._frames, axis=0)
        at_mask, at_depth = changes / np.maximum(lengths, 1)
        return bool(lengths[0] >= LEAST_LENGTH and at_depth > at_mask + MARGIN)


def own_edges(
    depth: InverseDepth,
    layers: tuple[InverseDepth, InverseDepth],
    mask: Mask,
    rgb: Image,
    how: MaskEdges,
    votes: EdgeVotes,
) -> Mask | None:
    """Find where a mask's edge is off, and the depth's own stands beside it.

    Parameters
    ----------
    depth : InverseDepth
        (h, w) the given one at working size, in [0, 10].
    layers : tuple of InverseDepth
        (h, w) foreground and background as the network gave them.
    mask : Mask
        (h, w) in [0, 1].
    rgb : Image
        (h, w, 3) in [0, 1].
    how : {"auto", "exact", "approximate"}
        ``exact``: nowhere. ``approximate``: wherever the two are within `REACH` of each other.
        ``auto``: there, if the photo changes more along the depth's edges than along the mask's,
        on average over all of them.
    votes : EdgeVotes
        What decides in ``auto``; the image's edges are added.

    Returns
    -------
    Mask or None
        (h, w) in [0, 1]: how far the given depth is kept; None: the mask's edges stand.
    """
    if how == "exact":
        return None
    foreground, background = layers
    gap = foreground - background
    told = np.abs(gap) >= LEAST_GAP
    if not told.any():
        return None
    share = np.zeros_like(depth)
    np.divide(depth - background, gap, out=share, where=told)
    inside, near = mask > 0.5, share > 0.5
    apart = (inside != near) & told & _beside_edge(inside)
    if not apart.any():
        return None
    slivers = _slivers(apart, inside, near, share, rgb, votes if how == "auto" else None)
    if slivers is None:
        return None
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (WIDENED, WIDENED))
    kept = cv2.GaussianBlur(cv2.dilate(slivers, disc).astype(np.float32), (0, 0), SOFT)
    return np.asarray(kept, np.float32)


def _beside_edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell what lies within reach of a mask's edge."""
    hard = inside.astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    side = 2 * REACH - 1  # the pixels at the edge are the first ones of the reach
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    edge = cv2.morphologyEx(hard, cv2.MORPH_GRADIENT, cross)
    return np.asarray(cv2.dilate(edge, disc) > 0)


def _slivers(
    apart: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    near: NDArray[np.bool_],
    share: NDArray[np.float32],
    rgb: Image,
    votes: EdgeVotes | None,
) -> NDArray[np.uint8] | None:
    """Tell the pieces between both edges from what the depth has filled or lost; 1 in slivers."""
    count, found = cv2.connectedComponents(apart.astype(np.uint8), connectivity=4)
    # A frame of pixels that are no neighbours, so that neighbours have constant distances.
    piece, side, own = (np.pad(x, 1).ravel() for x in (found, inside, near))
    there = np.pad(np.ones(apart.shape, np.bool_), 1).ravel()
    colours = np.pad(rgb, ((1, 1), (1, 1), (0, 0))).reshape(-1, 3)
    pixels = np.flatnonzero(piece)
    outlines = np.zeros((3, count))  # lengths along the mask, along the depth, open ones
    changes = np.zeros((2, count))  # of colour across the first two
    row = apart.shape[1] + 2
    for step in (-row, -1, 1, row):
        other = pixels + step
        leaves = there[other] & (piece[other] != piece[pixels])
        pairs = pixels[leaves], other[leaves]
        crosses = side[pairs[0]] != side[pairs[1]]
        agrees = own[pairs[1]] == side[pairs[1]]
        change = np.linalg.norm(colours[pairs[0]] - colours[pairs[1]], axis=1)
        kinds = (crosses, ~crosses & agrees, ~crosses & ~agrees)
        for kind, (lengths, which) in enumerate(zip(outlines, kinds, strict=True)):
            pieces = piece[pairs[0][which]]
            lengths += np.bincount(pieces, minlength=count)
            if kind < len(changes):
                changes[kind] += np.bincount(pieces, change[which], minlength=count)
    along_mask, along_depth, _ = outlines
    sizes = np.bincount(found.ravel(), minlength=count)
    plain = apart & (share > -BEYOND) & (share < 1 + BEYOND)
    between = np.bincount(found[plain], minlength=count)
    chosen = (along_mask > 0) & (between > BETWEEN * sizes)
    chosen &= along_depth >= EDGE_SHARE * np.maximum(outlines.sum(axis=0), 1)
    if votes is not None:
        lengths = outlines[:2, chosen].sum(axis=1)
        if not votes.are_for_depth(lengths, changes[:, chosen].sum(axis=1)):
            return None
    return chosen[found].astype(np.uint8) if chosen.any() else None
