import math

import numpy as np
import pytest

from maskdepth_cli.errors import UsageError
from maskdepth_cli.metrics.errors import refinement_counts, rmse
from maskdepth_cli.metrics.scores import GroundTruth, MetricSettings, Scores, parse_settings

HEIGHT, WIDTH, EDGE = 48, 64, 30
ALL = np.ones((HEIGHT, WIDTH), bool)
MASK = np.arange(WIDTH) >= EDGE + np.zeros((HEIGHT, 1))


def step(column):
    depth = np.full((HEIGHT, WIDTH), 2.0)
    depth[:, column:] = 6.0
    return depth


def test_the_truth_itself_is_perfect():
    scores = GroundTruth(step(EDGE), ALL, [MASK]).score(100 - 3 * step(EDGE))
    assert scores == Scores(
        improved=0,
        worsened=0,
        mbe=pytest.approx(0, abs=1e-12),
        eps_acc=0,
        eps_comp=0,
        whdr=0,
        rmse=pytest.approx(0, abs=1e-12),
        boundary_f1=pytest.approx(0.25),  # one direction of four has a contour
        mask_recall=pytest.approx(0.25),
        pixels=ALL.size,
    )


def test_every_metric_is_that_of_the_aligned_maps():
    truth = GroundTruth(step(EDGE), ALL, [MASK])
    prediction, initial = step(EDGE + 2), step(EDGE + 7)
    scores = truth.score(5 * prediction - 1, 0.1 * initial)
    unit, aligned = truth.depth, truth.align(prediction)
    assert unit.min() == 0
    assert unit.max() == 1
    assert scores.rmse == pytest.approx(rmse(aligned, unit, ALL))
    counts = refinement_counts(aligned, truth.align(initial), unit, ALL)
    assert (scores.improved, scores.worsened) == counts
    assert scores.improved >= 5 * HEIGHT


def test_without_instances_and_without_edges():
    flat = np.full((HEIGHT, WIDTH), 3.0)
    scores = GroundTruth(flat, ALL, []).score(step(EDGE))
    assert math.isnan(scores.mbe)
    assert math.isnan(scores.mask_recall)
    assert math.isnan(scores.eps_acc)
    assert math.isnan(scores.eps_comp)
    assert scores.rmse == pytest.approx(0, abs=1e-12)  # scaled to nothing


def test_constant_prediction_becomes_the_mean_and_has_no_edges():
    truth = GroundTruth(step(EDGE), ALL, [MASK])
    scores = truth.score(np.full((HEIGHT, WIDTH), 42.0))
    share = (WIDTH - EDGE) / WIDTH
    assert scores.rmse == pytest.approx(math.sqrt(share * (1 - share)))
    assert (scores.eps_acc, scores.eps_comp) == (10, 10)
    assert scores.boundary_f1 == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_without_a_prediction_do_not_count(bad):
    prediction = step(EDGE)
    prediction[:, :10] = bad
    # At 0.2 only the misplaced columns count, not what their alignment does to the rest.
    truth = GroundTruth(step(EDGE), ALL, [MASK], MetricSettings(r3_threshold=0.2))
    scores = truth.score(prediction, step(EDGE + 3))
    assert scores.pixels == HEIGHT * (WIDTH - 10)
    assert scores.rmse == pytest.approx(0, abs=1e-12)
    assert scores.improved == 3 * HEIGHT


def test_invalid_truth_does_not_count():
    depth, valid = step(EDGE), ALL.copy()
    depth[:, :3] = np.nan
    depth[:, 3:5] = 1e9
    valid[:, 3:5] = False
    scores = GroundTruth(depth, valid, [MASK]).score(step(EDGE))
    assert scores.pixels == HEIGHT * (WIDTH - 5)
    assert scores.rmse == pytest.approx(0, abs=1e-12)
    assert scores.eps_acc == 0


def test_a_prediction_of_nothing_scores_nothing():
    scores = GroundTruth(step(EDGE), ALL, [MASK]).score(np.full((HEIGHT, WIDTH), np.nan))
    assert scores.pixels == 0
    assert math.isnan(scores.rmse)


def test_settings_reach_the_metrics():
    prediction, initial = step(EDGE + 3), step(EDGE + 6)

    def score(**changes):
        truth = GroundTruth(step(EDGE), ALL, [MASK], MetricSettings(**changes))
        return truth.score(prediction, initial)

    plain = score()
    assert score(mbe_dilation=9).mbe < plain.mbe  # a wider band holds more good pixels
    assert score(r3_threshold=2.0).improved == 0
    assert score(edge_distance=2.0).eps_acc == 2.0
    assert score(canny_low=9, canny_high=9).eps_acc != plain.eps_acc
    assert score(whdr_seed=1, whdr_pairs=20).whdr != score(whdr_seed=2, whdr_pairs=20).whdr


def test_settings_are_read_with_their_types():
    settings = parse_settings(["whdr_pairs=50", "r3_threshold=0.1"])
    assert settings == MetricSettings(whdr_pairs=50, r3_threshold=0.1)
    assert parse_settings([]) == MetricSettings()
    for text, message in (("pairs=5", "there are r3_threshold"), ("whdr_pairs=1.5", "int")):
        with pytest.raises(UsageError, match=message):
            parse_settings([text])
