"""From per-image scores to the figures of a table, with bootstrap confidence intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.metrics.errors import refinement_ratio
from maskdepth_cli.metrics.scores import Scores

# Of sets with masks in files, see `maskdepth_cli.metrics.regions`.
REGIONS = ("holes", "hair", "rest", "hidden")
# In the paper's order, then Depth Pro's.
EVERYWHERE = ("r3", "mbe", "eps_acc", "eps_comp", "whdr", "rmse", "boundary_f1", "mask_recall")
OF_CLIPS = ("flicker",)  # see `maskdepth_cli.evaluation.flicker`
METRICS = (*EVERYWHERE, *REGIONS, *OF_CLIPS)  # larger is better for those in HIGHER_IS_BETTER
HIGHER_IS_BETTER = frozenset({"r3", "boundary_f1", "mask_recall"})


@dataclass(frozen=True)
class Estimate:
    """A metric over a data set with the bounds of its confidence interval."""

    value: float
    low: float
    high: float
    images: int  # that the metric was defined for


@dataclass(frozen=True)
class Summary:
    """One method on a data set."""

    estimates: dict[str, Estimate]  # by the names of METRICS
    r3_median: float  # median over images of the per-image ratio
    worse_mbe: float  # share of images whose MBE is above the initial map's; NaN if unknown
    images: int


def summarise(
    scores: Sequence[Scores],
    initial: Sequence[Scores] | None = None,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Summary:
    """Average scores over images; R3 is the ratio of the pixel counts summed over them.

    Parameters
    ----------
    scores : sequence of Scores
        One per image.
    initial : sequence of Scores, optional
        Those of the initial maps of the same images, in the same order.
    draws : int
        Bootstrap resamples of the images; 0 gives no interval (NaN bounds).
    confidence : float
        Of the percentile interval.
    seed : int
        Of the resampling; the same images are drawn for every method.

    Returns
    -------
    Summary
    """
    count = len(scores)
    picks = np.random.default_rng(seed).integers(0, max(count, 1), (draws if count else 0, count))
    tail = 50 * (1 - confidence)
    estimates = {}
    for metric in METRICS:
        if metric == "r3":
            estimates[metric] = _ratio_estimate(scores, picks, tail)
        else:
            values = np.array([getattr(score, metric) for score in scores], dtype=np.float64)
            estimates[metric] = _mean_estimate(values, picks, tail)
    per_image = [refinement_ratio(score.improved, score.worsened) for score in scores]
    return Summary(estimates, _nanmedian(per_image), _worse_share(scores, initial), count)


def columns(summaries: Iterable[Summary]) -> tuple[str, ...]:
    """Return the metrics of a table: those by region and of clips where a summary has them."""
    found, others = list(summaries), (*REGIONS, *OF_CLIPS)
    there = (name for name in others if any(one.estimates[name].images for one in found))
    return (*EVERYWHERE, *there)


def _mean_estimate(
    values: NDArray[np.float64], picks: NDArray[np.integer], tail: float
) -> Estimate:
    known = np.isfinite(values)
    if not known.any():
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    counts = known[picks].sum(axis=1)
    sums = np.where(known, values, 0.0)[picks].sum(axis=1)
    means = sums[counts > 0] / counts[counts > 0]
    low, high = _bounds(means, tail)
    return Estimate(float(values[known].mean()), low, high, int(known.sum()))


def _ratio_estimate(scores: Sequence[Scores], picks: NDArray[np.integer], tail: float) -> Estimate:
    improved = np.array([score.improved for score in scores], dtype=np.float64)
    worsened = np.array([score.worsened for score in scores], dtype=np.float64)
    ratios = np.array(
        [
            refinement_ratio(up, down)
            for up, down in zip(
                improved[picks].sum(axis=1), worsened[picks].sum(axis=1), strict=True
            )
        ]
    )
    low, high = _bounds(ratios[~np.isnan(ratios)], tail)
    value = refinement_ratio(improved.sum(), worsened.sum())
    return Estimate(value, low, high, len(scores))


def _bounds(values: NDArray[np.float64], tail: float) -> tuple[float, float]:
    """Percentiles; of the sorted values themselves, since R3 may be infinite."""
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.percentile(values, [tail, 100 - tail], method="nearest")
    return float(low), float(high)


def _nanmedian(values: Sequence[float]) -> float:
    known = sorted(value for value in values if not np.isnan(value))
    # The lower of two middle values: a mean with an infinite neighbour would be infinite.
    return known[(len(known) - 1) // 2] if known else float("nan")


def _worse_share(scores: Sequence[Scores], initial: Sequence[Scores] | None) -> float:
    if initial is None:
        return float("nan")
    pairs = [
        (score.mbe, before.mbe)
        for score, before in zip(scores, initial, strict=True)
        if np.isfinite(score.mbe) and np.isfinite(before.mbe)
    ]
    return float(np.mean([after > before for after, before in pairs])) if pairs else float("nan")
