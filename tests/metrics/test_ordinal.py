import math

import numpy as np
import pytest

from maskdepth_cli.metrics.ordinal import whdr

RNG = np.random.default_rng(0)
TRUTH = RNG.permutation(200 * 150).reshape(150, 200) / 30000
ALL = np.ones(TRUTH.shape, bool)


def test_any_monotone_map_keeps_every_relation_and_a_reversed_one_none():
    assert whdr(np.exp(TRUTH), TRUTH, ALL) == 0.0
    assert whdr(-TRUTH, TRUTH, ALL) == 1.0


def test_equal_means_exactly_equal():
    # A constant prediction calls every pair equal, and all true values differ.
    assert whdr(np.zeros(TRUTH.shape), TRUTH, ALL) == 1.0
    assert whdr(np.zeros(TRUTH.shape), np.ones(TRUTH.shape), ALL) == 0.0


def test_estimates_the_share_among_all_pairs():
    truth = RNG.integers(0, 4, (20, 20)).astype(float)
    prediction = RNG.integers(0, 4, (20, 20)).astype(float)
    a, b = np.triu_indices(400, 1)
    exact = np.mean(
        np.sign(truth.ravel()[a] - truth.ravel()[b])
        != np.sign(prediction.ravel()[a] - prediction.ravel()[b])
    )
    estimates = [
        whdr(prediction, truth, np.ones((20, 20), bool), pairs=200, seed=seed) for seed in range(50)
    ]
    assert np.mean(estimates) == pytest.approx(exact, abs=4 * 0.5 / math.sqrt(50 * 200))


def test_pairs_are_of_distinct_valid_pixels():
    # 100 valid pixels, 50 pairs: every one is used once, so an odd one out is met once.
    truth = np.zeros((20, 20))
    valid = np.zeros((20, 20), bool)
    valid[:5] = True
    prediction = np.where(valid, 0.0, np.nan)
    prediction[0, 0] = 1.0
    assert whdr(prediction, truth, valid, pairs=50) == pytest.approx(1 / 50)


def test_few_pixels_are_drawn_again_and_none_is_nan():
    truth = np.array([[0.0, 1.0]])
    assert 0 <= whdr(truth, truth, np.ones((1, 2), bool), pairs=1000) <= 0
    assert math.isnan(whdr(truth, truth, np.array([[True, False]])))


def test_tau_calls_close_depths_equal():
    truth = np.array([[1.0, 1.05]])
    prediction = np.array([[1.05, 1.0]])
    valid = np.ones((1, 2), bool)
    strict = whdr(prediction, truth, valid, pairs=1)
    assert strict == 1.0
    assert whdr(prediction, truth, valid, pairs=1, tau=0.1) == 0.0


def test_same_seed_same_pairs():
    noisy = TRUTH + RNG.normal(0, 0.1, TRUTH.shape)
    assert whdr(noisy, TRUTH, ALL, seed=3) == whdr(noisy, TRUTH, ALL, seed=3)
    assert whdr(noisy, TRUTH, ALL, seed=3) != whdr(noisy, TRUTH, ALL, seed=4)
