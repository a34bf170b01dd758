"""Ordinal errors: the order of random pairs of pixels against that of the ground truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def whdr(
    prediction: NDArray[np.floating],
    truth: NDArray[np.floating],
    valid: NDArray[np.bool_],
    pairs: int = 10_000,
    tau: float = 0.0,
    seed: int = 0,
) -> float:
    """Share of random pixel pairs whose order disagrees with the ground truth (WHDR).

    Parameters
    ----------
    prediction, truth : (H, W) arrays
        Aligned inverse depth.
    valid : (H, W) bool array
        Pairs are drawn among these pixels.
    pairs : int
        Number of pairs, of ``2 * pairs`` distinct pixels; with replacement if there are fewer.
    tau : float
        Two pixels are of equal depth when neither value exceeds ``1 + tau`` times the other; 0
        compares strictly. Values are clipped at 0 for a ratio.
    seed : int
        Of the draw; the same pixels for every method.

    Returns
    -------
    float
        In [0, 1]; NaN with fewer than two valid pixels.

    References
    ----------
    ``weighted_human_disagreement_rate`` of LeReS (AdelaiDepth issue 26): unit weights, strict
    comparison. Section 4.3 of the paper: 10,000 pairs.
    """
    where = np.flatnonzero(valid)
    if len(where) < 2:
        return float("nan")
    generator = np.random.default_rng(seed)
    chosen = generator.choice(where, size=2 * pairs, replace=len(where) < 2 * pairs)
    first, second = chosen[:pairs], chosen[pairs:]
    predicted = _order(prediction.ravel()[first], prediction.ravel()[second], tau)
    true = _order(truth.ravel()[first], truth.ravel()[second], tau)
    return float(np.mean(predicted != true))


def _order(
    first: NDArray[np.floating], second: NDArray[np.floating], tau: float
) -> NDArray[np.signedinteger]:
    """1 where the first is nearer, -1 where the second is, 0 where they are equal."""
    if tau > 0:
        first, second = np.maximum(first, 0.0), np.maximum(second, 0.0)
    factor = 1.0 + tau
    return (first > factor * second).astype(np.int8) - (second > factor * first).astype(np.int8)
