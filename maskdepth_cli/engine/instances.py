"""Several masks for one image: refined one by one, merged pixel by pixel (paper 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np

from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.types import InstanceMap, InverseDepth, Mask

MergeRule: TypeAlias = Literal["own", "largest"]
MIN_SHARE = 0.01  # smaller instances are left out (paper section 4.2)


def instance_masks(
    instances: InstanceMap | Sequence[Mask], min_share: float = MIN_SHARE
) -> Iterator[Mask]:
    """Yield one mask per instance, by ascending id; masks given one by one are all kept.

    Parameters
    ----------
    instances : InstanceMap or sequence of Mask
        Instance map (H, W), 0 = none; or masks (H, W) in [0, 1].
    min_share : float
        An instance of a map counts if it covers more than this share of the pixels.
    """
    if not isinstance(instances, np.ndarray) or instances.ndim == 3:
        yield from (np.asarray(mask, np.float32) for mask in instances)
        return
    ids, counts = np.unique(instances, return_counts=True)
    for identity in ids[(counts > min_share * instances.size) & (ids > 0)]:
        yield (instances == identity).astype(np.float32)


def merge_instances(
    depth: InverseDepth, refined: Iterable[RefinedDepth], rule: MergeRule = "own"
) -> RefinedDepth:
    """Merge refinements of one initial depth, pixel by pixel; ties keep the earlier mask.

    A running choice: memory does not grow with the number of masks.

    Parameters
    ----------
    depth : InverseDepth
        (H, W) initial depth.
    refined : iterable of RefinedDepth
        One result per mask, each refined from ``depth``.
    rule : {"own", "largest"}
        ``largest``: ``argmax_i |D0 - D_i|`` wins, the paper's rule (section 4.2). ``own``: where
        masks cover a pixel, only their results count for it; elsewhere, and among several, the
        largest change. A mask says which pixels belong together, its complement does not: what is
        beside another instance is refined better with the mask that covers it.

    Returns
    -------
    RefinedDepth
        Layers are those of the winning mask; the mask is the union of all.
    """
    largest = np.zeros(depth.shape, np.float32)
    covered = np.zeros(depth.shape, np.bool_)
    merged = RefinedDepth.unchanged(depth, np.zeros(depth.shape, np.float32))
    first = True
    for result in refined:
        with np.errstate(invalid="ignore"):
            change = np.abs(result.depth - depth)
            wins = change > largest  # False where NaN
        if rule == "own":
            covers = result.mask > 0.5
            wins = np.where(covered, wins & covers, wins | covers)
            covered |= covers
        np.copyto(largest, change, where=wins)
        np.copyto(merged.depth, result.depth, where=wins)
        for mine, theirs in (
            (merged.foreground, result.foreground),
            (merged.background, result.background),
        ):
            np.copyto(mine, theirs, where=True if first else wins)
        np.maximum(merged.mask, result.mask, out=merged.mask)
        np.logical_or(merged.changed, result.changed, out=merged.changed)
        first = False
    return merged
