"""Errors over pixels: RMSE, and the ratio of relative refinement R3."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


def rmse(
    prediction: NDArray[np.floating], truth: NDArray[np.floating], valid: NDArray[np.bool_]
) -> float:
    """Root mean square error over valid pixels.

    Parameters
    ----------
    prediction, truth : (H, W) arrays
        Aligned inverse depth; see `maskdepth_cli.metrics.alignment`.
    valid : (H, W) bool array
        The pixels that count.

    Returns
    -------
    float
        NaN when no pixel is valid.
    """
    if not valid.any():
        return float("nan")
    difference = prediction[valid] - truth[valid]
    return float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))))


class RefinementCounts(NamedTuple):
    """How many pixels a refinement improved and worsened by more than a threshold."""

    improved: int
    worsened: int


def refinement_counts(
    refined: NDArray[np.floating],
    initial: NDArray[np.floating],
    truth: NDArray[np.floating],
    valid: NDArray[np.bool_],
    threshold: float = 0.05,
) -> RefinementCounts:
    """Count the pixels whose absolute error fell, and grew, by more than ``threshold``.

    Parameters
    ----------
    refined, initial, truth : (H, W) arrays
        Inverse depth, the first two aligned to the third, which lies in [0, 1].
    valid : (H, W) bool array
        The pixels that count.
    threshold : float
        t of section 4.3 of the paper; 0.05 there.

    Returns
    -------
    RefinementCounts
        The numerator and the denominator of R3.
    """
    with np.errstate(invalid="ignore"):  # pixels that are not valid may be anything
        gain = np.abs(initial - truth) - np.abs(refined - truth)
    improved = np.count_nonzero((gain > threshold) & valid)
    worsened = np.count_nonzero((gain < -threshold) & valid)
    return RefinementCounts(int(improved), int(worsened))


def refinement_ratio(improved: float, worsened: float) -> float:
    """R3, the relative refinement ratio (section 4.3 of the paper): improved over worsened pixels.

    Counts are summed over the data set before they are divided.

    Returns
    -------
    float
        ``inf`` when pixels improved and none worsened, NaN when nothing changed by more than the
        threshold (as for the initial map itself).
    """
    if worsened:
        return improved / worsened
    return float("inf") if improved else float("nan")
