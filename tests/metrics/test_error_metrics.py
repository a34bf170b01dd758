import math

import numpy as np
import pytest

from maskdepth_cli.metrics.errors import refinement_counts, refinement_ratio, rmse

ALL = np.ones((10, 20), bool)


def test_rmse_of_valid_pixels():
    truth = np.zeros((2, 2))
    prediction = np.array([[3.0, np.nan], [4.0, 0.0]])
    valid = np.array([[True, False], [True, False]])
    assert rmse(prediction, truth, valid) == pytest.approx(math.sqrt((9 + 16) / 2))
    assert math.isnan(rmse(prediction, truth, np.zeros((2, 2), bool)))


def step(column):
    depth = np.zeros((10, 20))
    depth[:, column:] = 1.0
    return depth


@pytest.mark.parametrize(
    ("initial", "refined", "expected"),
    [
        (14, 11, (30, 0)),  # three of four wrong columns repaired
        (12, 15, (0, 30)),
        (7, 13, (30, 30)),  # the same error on the other side of the edge at 10
        (12, 12, (0, 0)),
    ],
)
def test_counts_of_a_moved_step(initial, refined, expected):
    assert refinement_counts(step(refined), step(initial), step(10), ALL) == expected


def test_changes_up_to_the_threshold_do_not_count():
    truth = np.zeros((1, 4))
    initial = np.full((1, 4), 0.5)
    refined = 0.5 - np.array([[0.0, 0.0625, 0.125, -0.125]])
    valid = np.ones((1, 4), bool)
    assert refinement_counts(refined, initial, truth, valid, threshold=0.0625) == (1, 1)
    assert refinement_counts(refined, initial, truth, valid, threshold=0.06) == (2, 1)


def test_invalid_pixels_do_not_count():
    valid = ALL.copy()
    valid[:5] = False
    assert refinement_counts(step(10), step(12), step(10), valid) == (10, 0)


def test_ratio():
    assert refinement_ratio(30, 10) == 3
    assert refinement_ratio(0, 10) == 0
    assert refinement_ratio(5, 0) == math.inf
    assert math.isnan(refinement_ratio(0, 0))
