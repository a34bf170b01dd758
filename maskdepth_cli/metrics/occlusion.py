"""Scale-invariant boundary metrics of Depth Pro: F1 against depth, recall against masks."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Value = TypeVar("Value", np.bool_, np.float64)

THRESHOLDS = np.linspace(1.05, 1.25, 10)


def boundary_f1(
    prediction: NDArray[np.floating],
    truth: NDArray[np.floating],
    valid: BoolArray | None = None,
    floor: float = 1e-6,
    thresholds: FloatArray = THRESHOLDS,
) -> float:
    """F1 of occluding contours: neighbours whose inverse depths differ by more than a ratio.

    Parameters
    ----------
    prediction, truth : (H, W) arrays
        Inverse depth without a shift (the metric is invariant to scale only).
    valid : (H, W) bool array, optional
        Pairs of neighbours count where both are valid.
    floor : float
        Smaller inverse depths are set to it, so that ratios stay finite.
    thresholds : (N,) array
        Ratios; F1 at each is averaged with a weight proportional to the ratio.

    Returns
    -------
    float
        In [0, 1]; 0 where neither map has a contour, as in the reference.

    References
    ----------
    Bochkovskii et al., "Depth Pro", ICLR 2025, section 4; ``SI_boundary_F1`` of its code, which
    takes depth where this takes inverse depth.
    """
    predicted = _ratios(prediction, floor, valid)
    true = _ratios(truth, floor, valid)
    scores = [
        _f1([ratio > t for ratio in predicted], [ratio > t for ratio in true]) for t in thresholds
    ]
    return float(np.average(scores, weights=thresholds))


def mask_recall(
    prediction: NDArray[np.floating],
    mask: NDArray[np.bool_] | NDArray[np.floating],
    valid: BoolArray | None = None,
    floor: float = 1e-6,
    thresholds: FloatArray = THRESHOLDS,
    alpha: float = 0.1,
) -> float:
    """Share of a mask's outline where the prediction has a contour of the same direction.

    Parameters
    ----------
    prediction : (H, W) array
        Inverse depth without a shift.
    mask : (H, W) array
        Bool, or a soft mask in [0, 1] that is cut at ``alpha``.
    valid, floor, thresholds
        As in `boundary_f1`.
    alpha : float
        Pixels of the mask above it are the object.

    Returns
    -------
    float
        In [0, 1]. The prediction's contours are thinned to the largest ratio of each run first.

    References
    ----------
    ``SI_boundary_Recall`` of Depth Pro.
    """
    return mask_recalls(prediction, [mask.astype(np.float64) > alpha], valid, floor, thresholds)[0]


def mask_recalls(
    prediction: NDArray[np.floating],
    masks: list[BoolArray],
    valid: BoolArray | None = None,
    floor: float = 1e-6,
    thresholds: FloatArray = THRESHOLDS,
) -> list[float]:
    """`mask_recall` for several binary masks of one image; the prediction is thinned once."""
    ratios = _along_steps(_ratios(prediction, floor, valid))
    outlines = [
        [np.flatnonzero(outline) for outline in _along_steps(_outlines(mask, valid))]
        for mask in masks
    ]
    recalls = np.zeros((len(thresholds), len(masks)))
    for row, t in enumerate(thresholds):
        thin = [_thin(ratio, t).ravel() for ratio in ratios]
        for column, places in enumerate(outlines):
            shares = [
                int(np.count_nonzero(found[where])) / max(where.size, 1)
                for found, where in zip(thin, places, strict=True)
            ]
            recalls[row, column] = np.mean(shares)
    return [float(value) for value in np.average(recalls, axis=0, weights=thresholds)]


def _steps(array: NDArray[Value]) -> list[tuple[NDArray[Value], NDArray[Value]]]:
    """Each pixel and its neighbour in four directions: right, left, below, above is nearer."""
    left, right = array[:, :-1], array[:, 1:]
    above, below = array[:-1], array[1:]
    return [(right, left), (left, right), (below, above), (above, below)]


def _along_steps(steps: list[NDArray[Value]]) -> list[NDArray[Value]]:
    """Transpose the steps down and up, so that all go along rows, as thinning does."""
    return steps[:2] + [np.ascontiguousarray(step.T) for step in steps[2:]]


def _ratios(depth: NDArray[np.floating], floor: float, valid: BoolArray | None) -> list[FloatArray]:
    """Ratios of neighbours in four directions; 0 where one of the two is invalid."""
    depth = depth.astype(np.float64)
    known = np.maximum(depth if valid is None else np.where(valid, depth, floor), floor)
    ratios = [near / far for near, far in _steps(known)]
    if valid is None:
        return ratios
    return [ratio * (a & b) for ratio, (a, b) in zip(ratios, _steps(valid), strict=True)]


def _outlines(mask: BoolArray, valid: BoolArray | None) -> list[BoolArray]:
    outlines = [inside & ~outside for inside, outside in _steps(mask)]
    if valid is None:
        return outlines
    return [outline & a & b for outline, (a, b) in zip(outlines, _steps(valid), strict=True)]


def _share(predicted: list[BoolArray], true: list[BoolArray], among: list[BoolArray]) -> float:
    """Hits among ``among``, averaged over the four directions."""
    shares = [
        int(np.count_nonzero(p & t)) / max(int(np.count_nonzero(a)), 1)
        for p, t, a in zip(predicted, true, among, strict=True)
    ]
    return float(np.mean(shares))


def _f1(predicted: list[BoolArray], true: list[BoolArray]) -> float:
    recall, precision = _share(predicted, true, true), _share(predicted, true, predicted)
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def _thin(ratio: FloatArray, threshold: float) -> BoolArray:
    """Keep the largest (the first of equals) of each run above the threshold along a row."""
    thin = np.zeros(ratio.shape, bool)
    places = np.flatnonzero(ratio > threshold)
    if not places.size:
        return thin
    begins = np.ones(places.size, bool)
    begins[1:] = (np.diff(places) != 1) | (places[1:] % ratio.shape[1] == 0)
    run = np.cumsum(begins) - 1
    values = ratio.ravel()[places]
    peaks = np.flatnonzero(values == np.maximum.reduceat(values, np.flatnonzero(begins))[run])
    first = peaks[np.unique(run[peaks], return_index=True)[1]]
    thin.ravel()[places[first]] = True
    return thin
