import math

import numpy as np
import pytest
from scipy import stats

from maskdepth_cli.metrics.scores import Scores
from maskdepth_cli.metrics.summary import summarise

RNG = np.random.default_rng(0)


def rows(count=60):
    return [
        Scores(int(RNG.integers(50, 200)), int(RNG.integers(10, 60)), mbe=RNG.gamma(2), rmse=0.1)
        for _ in range(count)
    ]


def test_r3_is_the_ratio_of_sums_and_its_median_is_per_image():
    scores = [Scores(10, 1), Scores(20, 40), Scores(0, 0), Scores(6, 0)]
    summary = summarise(scores)
    assert summary.estimates["r3"].value == 36 / 41
    # Per image 10, 0.5 and inf; the image without changes has no ratio.
    assert summary.r3_median == 10


def test_means_leave_out_images_without_the_metric():
    summary = summarise([Scores(mbe=0.2), Scores(), Scores(mbe=0.4)])
    assert summary.estimates["mbe"].value == pytest.approx(0.3)
    assert summary.estimates["mbe"].images == 2
    assert summary.images == 3
    assert math.isnan(summary.estimates["rmse"].value)
    assert summary.estimates["rmse"].images == 0


def test_interval_of_a_mean_agrees_with_scipy():
    scores = rows()
    values = np.array([score.mbe for score in scores])
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=5000, method="percentile", rng=1
    ).confidence_interval
    estimate = summarise(scores, draws=5000).estimates["mbe"]
    spread = expected.high - expected.low
    assert estimate.low == pytest.approx(expected.low, abs=0.05 * spread)
    assert estimate.high == pytest.approx(expected.high, abs=0.05 * spread)


def test_interval_of_r3_agrees_with_scipy():
    scores = rows()
    improved = np.array([score.improved for score in scores])
    worsened = np.array([score.worsened for score in scores])

    def ratio(up, down, axis=-1):
        return up.sum(axis=axis) / down.sum(axis=axis)

    expected = stats.bootstrap(
        (improved, worsened), ratio, paired=True, n_resamples=5000, method="percentile", rng=1
    ).confidence_interval
    estimate = summarise(scores, draws=5000).estimates["r3"]
    spread = expected.high - expected.low
    assert estimate.low == pytest.approx(expected.low, abs=0.05 * spread)
    assert estimate.high == pytest.approx(expected.high, abs=0.05 * spread)


def test_nothing_worsened_is_infinite_and_nothing_changed_is_undefined():
    estimate = summarise([Scores(5, 0), Scores(3, 0)]).estimates["r3"]
    assert (estimate.value, estimate.low, estimate.high) == (math.inf,) * 3
    assert math.isnan(summarise([Scores(), Scores()]).estimates["r3"].value)


def test_share_of_images_that_got_worse():
    before = [Scores(mbe=0.2), Scores(mbe=0.2), Scores(mbe=0.2), Scores()]
    after = [Scores(mbe=0.1), Scores(mbe=0.3), Scores(mbe=0.2), Scores(mbe=0.5)]
    assert summarise(after, before).worse_mbe == pytest.approx(1 / 3)
    assert math.isnan(summarise(after).worse_mbe)


def test_no_images_and_no_draws():
    assert summarise([]).images == 0
    assert math.isnan(summarise([]).estimates["mbe"].value)
    estimate = summarise([Scores(mbe=0.2)], draws=0).estimates["mbe"]
    assert estimate.value == 0.2
    assert math.isnan(estimate.low)
