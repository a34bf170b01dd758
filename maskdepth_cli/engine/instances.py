"""Several masks for one image: refined one by one, merged pixel by pixel (paper 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MIN_INSTANCE_SHARE, MergeRule
from maskdepth_cli.engine.beyond import Part, settle
from maskdepth_cli.engine.inputs import as_instances
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.windows import EVERYWHERE
from maskdepth_cli.types import InstanceMap, InverseDepth, Mask

BEYOND = 0.25  # of a change, by which the given depth may lie outside of the two layers


def instance_masks(
    instances: InstanceMap | Iterable[Mask], min_share: float | None = None
) -> Iterator[Mask]:
    """Yield one mask per instance, by ascending id, or the masks that were given one by one.

    Parameters
    ----------
    instances : InstanceMap or sequence of Mask
        Instance map (H, W), 0 = none; or masks, see `as_instances`.
    min_share : float, optional
        An instance or a mask counts if it covers more than this share of the pixels. Where it is
        left out, that is 0.01 for instances of a map, and masks all count.

    Raises
    ------
    ArrayError
        What is given is no map and no masks.
    """
    given = as_instances(instances)
    if not isinstance(given, np.ndarray):
        yield from (mask for mask in given if large_enough(mask, min_share))
        return
    least = MIN_INSTANCE_SHARE if min_share is None else min_share
    ids, counts = np.unique(given, return_counts=True)
    for identity in ids[(counts > least * given.size) & (ids > 0)]:
        yield (given == identity).astype(np.float32)


def large_enough(mask: Mask, min_share: float | None) -> bool:
    """Tell whether a mask covers more than a share of the pixels; None: any does."""
    return min_share is None or float(mask.mean(dtype=np.float64)) > min_share


class RunningMerge:
    """Refinements of one initial depth, merged pixel by pixel; ties keep the earlier mask.

    Memory does not grow with the number of masks.

    Parameters
    ----------
    depth : InverseDepth
        (H, W) initial depth.
    rule : {"own", "largest"}
        ``largest``: ``argmax_i |D0 - D_i|`` wins, the paper's rule (section 4.2). ``own``: where
        masks cover a pixel, only their results count for it, of several the largest change. A
        mask says which pixels belong together, its complement does not: what is beside another
        instance is refined better with the mask that covers it. Where no mask covers a pixel, a
        change counts if the given depth was a mixture of that mask's two layers; the one that
        goes farthest away wins, since what lies beside objects is too near where it is wrong.
    layers : bool
        Whether the layers are merged too; otherwise those of the result are ``depth`` itself.

    Attributes
    ----------
    result : RefinedDepth
        The background is that of the winning mask, and the depth where no mask wins; the
        foreground that of the nearest mask; the mask the union of all.
    near : array or None
        (H, W), share that its own mask's foreground has at each pixel, see `nearness`.
    """

    def __init__(self, depth: InverseDepth, rule: MergeRule, *, layers: bool = True) -> None:
        nothing = np.zeros(depth.shape, np.float32)
        self.result = RefinedDepth.unchanged(depth, nothing, layers=layers)
        self.near = np.zeros(depth.shape, np.float32) if layers else None
        self._depth = depth
        self._rule = rule
        none = -np.inf if rule == "own" else 0
        self._best = np.full(depth.shape, none, np.float32)  # score of the winner so far
        self._covered = np.zeros(depth.shape, np.bool_)

    def add(self, part: Part) -> None:
        """Merge what a mask made of a part of the image; elsewhere it changes nothing."""
        place, refined = part.place, part.refined
        depth, covered, covers = self._depth[place], self._covered[place], refined.mask > 0.5
        with np.errstate(invalid="ignore", divide="ignore"):
            change = refined.depth - depth
            score = np.abs(change)
            wins = score > self._best[place]  # False where NaN
            if self._rule == "own":
                aside = _score_aside(change, depth, refined)
                wins = np.where(covered, wins & covers, covers | (aside > self._best[place]))
                score = np.where(covers, score, aside)
        if self.near is not None:
            self._add_layers(part, self.near[place], covered, covers, wins)
        covered |= covers
        np.copyto(self._best[place], score, where=wins)
        merged = self.result
        np.copyto(merged.depth[place], refined.depth, where=wins)
        np.maximum(merged.mask[place], refined.mask, out=merged.mask[place])
        merged.changed[place] |= refined.changed
        if refined.own_edges:
            self.result = replace(merged, own_edges=True)

    def _add_layers(
        self,
        part: Part,
        nearest: NDArray[np.float32],
        covered: NDArray[np.bool_],
        covers: NDArray[np.bool_],
        wins: NDArray[np.bool_],
    ) -> None:
        """Take the layers that belong to the depth, and the foreground of the nearest mask."""
        place, refined = part.place, part.refined
        near = np.ones_like(nearest) if part.near is None else part.near
        inside = covers & (wins | ~covered)
        outside = ~covers & ~covered
        front = inside | (outside & ((near > nearest) | (wins & (refined.mask > 0))))
        np.copyto(self.result.foreground[place], refined.foreground, where=front)
        np.copyto(
            self.result.background[place], refined.background, where=inside | (outside & wins)
        )
        np.maximum(nearest, near, out=nearest)


def _score_aside(
    change: InverseDepth, depth: InverseDepth, refined: RefinedDepth
) -> NDArray[np.float32]:
    """Score a change where its mask does not cover: -inf unexplained or none, above 0 farther.

    Larger changes score higher on either side, in any unit of depth.
    """
    to_background = refined.background - depth
    mixed = to_background * (depth - refined.foreground) >= -BEYOND * to_background**2
    size = np.abs(change)
    score: NDArray[np.float32] = np.where(mixed, np.where(change < 0, size, -1 / size), -np.inf)
    return score


def merge_instances(
    depth: InverseDepth, refined: Iterable[RefinedDepth], rule: MergeRule = "own"
) -> RefinedDepth:
    """Merge refinements of one initial depth, one result (H, W) per mask; see `RunningMerge`."""
    merge = RunningMerge(depth, rule)
    for result in refined:
        merge.add(Part(EVERYWHERE, result))
    return settle(merge.result)
