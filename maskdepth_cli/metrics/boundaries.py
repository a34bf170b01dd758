"""Errors at object boundaries: MBE by masks (Eq. 4 of the paper), eps_acc and eps_comp by edges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.metrics.canny import canny

BoolArray = NDArray[np.bool_]


def boundary_band(mask: BoolArray, dilation: int = 5, erosion: int = 5) -> BoolArray:
    """Pixels around the boundary of a mask: ``dilate(M - erode(M))`` with square kernels.

    Parameters
    ----------
    mask : (H, W) bool array
        One instance.
    dilation, erosion : int
        Kernel sizes in pixels; 5x5 dilation is the paper's.

    Returns
    -------
    (H, W) bool array
        Empty for an empty mask and for one that covers the image: the frame is no boundary.
    """
    import cv2

    binary = mask.astype(np.uint8)
    inner = binary - cv2.erode(binary, np.ones((erosion, erosion), np.uint8))
    return cv2.dilate(inner, np.ones((dilation, dilation), np.uint8)).astype(bool)


def mask_boundary_error(
    prediction: NDArray[np.floating],
    truth: NDArray[np.floating],
    valid: BoolArray,
    masks: Iterable[BoolArray],
    dilation: int = 5,
    erosion: int = 5,
) -> float:
    """MBE: RMSE in the boundary band of each instance, averaged over the instances (Eq. 4).

    Parameters
    ----------
    prediction, truth : (H, W) arrays
        Aligned inverse depth.
    valid : (H, W) bool array
        The pixels that count.
    masks : iterable of (H, W) bool arrays
        One mask per instance.
    dilation, erosion : int
        As in `boundary_band`.

    Returns
    -------
    float
        NaN when no instance has a valid pixel in its band.
    """
    squared = np.square(np.where(valid, prediction - truth, 0.0), dtype=np.float64)
    errors = []
    for mask in masks:
        band = boundary_band(mask, dilation, erosion) & valid
        if band.any():
            errors.append(np.sqrt(squared[band].mean()))
    return float(np.mean(errors)) if errors else float("nan")


class EdgeErrors(NamedTuple):
    """Depth boundary errors of iBims-1, in pixels: NaN where the ground truth has no edge."""

    accuracy: float
    completeness: float


def depth_edges(
    depth: NDArray[np.floating],
    valid: BoolArray,
    sigma: float = 2**0.5,
    low: float = 0.15,
    high: float = 0.3,
) -> BoolArray:
    """Canny edges of an inverse depth map scaled to [0, 1] by its valid minimum and maximum.

    A constant map has none.
    """
    known = depth[valid]
    if not known.size or known.max() <= known.min():
        return np.zeros(depth.shape, bool)
    low_value, high_value = float(known.min()), float(known.max())
    scaled = (depth.astype(np.float64) - low_value) / (high_value - low_value)
    return canny(scaled, sigma, low, high, valid)


def edge_errors(predicted: BoolArray, true: BoolArray, farthest: float = 10.0) -> EdgeErrors:
    """eps_acc and eps_comp between two edge maps.

    Accuracy is the mean distance of predicted edge pixels to the true edges; those ``farthest`` or
    more away are left out of it. Completeness is the mean over both edge sets of the distance to
    the other set, truncated at ``farthest``.

    Parameters
    ----------
    predicted, true : (H, W) bool arrays
        Edge pixels.
    farthest : float
        Pixels; 10 in iBims-1.

    Returns
    -------
    EdgeErrors
        Both NaN when there is no true edge, both ``farthest`` when no predicted edge is nearer to
        a true one than that.

    References
    ----------
    Koch et al., "Evaluation of CNN-based Single-Image Depth Estimation Methods", ECCVW 2018, and
    ``compute_depth_boundary_error`` of its Python evaluation script.
    """
    if not true.any():
        return EdgeErrors(float("nan"), float("nan"))
    if not predicted.any():
        return EdgeErrors(farthest, farthest)
    to_true = _distance(true)[predicted]
    near = to_true < farthest
    if not near.any():
        return EdgeErrors(farthest, farthest)
    to_predicted = _distance(predicted)[true]
    both = np.concatenate([to_true, to_predicted])
    return EdgeErrors(
        float(to_true[near].mean(dtype=np.float64)),
        float(np.minimum(both, farthest).mean(dtype=np.float64)),
    )


def _distance(edges: BoolArray) -> NDArray[np.float32]:
    """Exact Euclidean distance of each pixel to the nearest edge pixel."""
    import cv2

    other = (~edges).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(other, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
