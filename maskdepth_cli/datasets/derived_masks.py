"""Instance maps for sets that have none: regions between depth discontinuities."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.datasets.samples import DepthDataset, Frame, Sample
from maskdepth_cli.extras import extra
from maskdepth_cli.types import InstanceMap, InverseDepth

TITLE = "derived from discontinuities of the true depth"


def masks_from_depth(depth: InverseDepth, threshold: float = 0.05) -> InstanceMap:
    """Label the connected regions of a depth map that no discontinuity crosses.

    Parameters
    ----------
    depth : (H, W) float32 array
        True inverse depth; pixels that are not finite belong to no region.
    threshold : float
        Two neighbours are parted where the nearer one departs from a plane through either side by
        more than this share of its inverse depth. Planes part nothing, however slanted: inverse
        depth is affine on them.

    Returns
    -------
    (H, W) int32 array
        Regions from 1, the largest first; 0 where unknown. An object that touches the floor
        without a step in depth is one region with it.
    """
    sparse = extra("scipy.sparse", "evaluate", "making masks from depth")
    csgraph = extra("scipy.sparse.csgraph", "evaluate", "making masks from depth")

    known = np.isfinite(depth)
    values = np.where(known, depth, np.nan).astype(np.float64)
    numbers = np.arange(depth.size).reshape(depth.shape)
    pairs = []
    for axis in (0, 1):
        linked = _linked(np.moveaxis(values, axis, 0), threshold)
        order = np.moveaxis(numbers, axis, 0)
        pairs.append(np.stack([order[:-1][linked], order[1:][linked]]))
    first, second = np.concatenate(pairs, axis=1)
    graph = sparse.coo_array((np.ones(len(first), bool), (first, second)), (depth.size,) * 2)
    _, labels = csgraph.connected_components(graph, directed=False)
    labels = labels.reshape(depth.shape)
    identities, counts = np.unique(labels[known], return_counts=True)
    ranks = np.zeros(labels.max() + 1, np.int32)
    ranks[identities[np.argsort(-counts, kind="stable")]] = np.arange(1, len(identities) + 1)
    return np.where(known, ranks[labels], 0).astype(np.int32)


def _linked(values: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Whether rows i and i + 1 belong together, (H - 1, W); not where one is NaN."""
    step = np.diff(values, axis=0)
    bend = np.abs(np.diff(step, axis=0))  # of three rows
    nothing = np.full((1, values.shape[1]), np.inf)
    departure = np.fmin(np.concatenate([nothing, bend]), np.concatenate([bend, nothing]))
    # At the frame, and beside unknown pixels, the step itself has to do.
    departure = np.where(np.isfinite(departure), departure, np.abs(step))
    nearer = np.maximum(np.abs(values[:-1]), np.abs(values[1:]))
    return np.asarray(departure <= threshold * nearer)


def with_derived_masks(dataset: DepthDataset) -> DepthDataset:
    """Return the set with instances from `masks_from_depth` in place of its own."""
    frames = tuple(
        dataclasses.replace(frame, read=partial(_read, frame.read)) for frame in dataset.frames
    )
    return dataclasses.replace(dataset, frames=frames, masks=TITLE, paper_set=None)


def _read(read: Callable[[Frame], Sample], frame: Frame) -> Sample:
    sample = read(frame)
    return dataclasses.replace(sample, instances=masks_from_depth(sample.depth))
