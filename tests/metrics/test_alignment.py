import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdepth_cli.metrics.alignment import align, fit_scale_shift, normalise_truth


def scene(seed, height=7, width=9):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(height, width)), rng.random((height, width)) > 0.3


@given(st.integers(0, 1000))
def test_fit_agrees_with_numpy_least_squares(seed):
    truth, valid = scene(seed)
    prediction = np.random.default_rng(seed + 1).normal(3, 2, truth.shape)
    design = np.stack([prediction[valid], np.ones(valid.sum())], axis=1)
    expected = np.linalg.lstsq(design, truth[valid], rcond=None)[0]
    assert fit_scale_shift(prediction, truth, valid) == pytest.approx(tuple(expected), rel=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1e-4, 7), (65535, -1e3), (-2, 0.5)])
def test_align_undoes_any_affine_map(scale, shift):
    truth, valid = scene(0)
    np.testing.assert_allclose(align(scale * truth + shift, truth, valid), truth, atol=1e-9)


def test_align_looks_at_valid_pixels_only():
    truth, valid = scene(1)
    spoilt = np.where(valid, 2 * truth + 1, 1e6)
    np.testing.assert_allclose(align(spoilt, truth, valid)[valid], truth[valid])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_constant_prediction_becomes_the_mean_of_the_truth(value):
    truth, valid = scene(2)
    prediction = np.full(truth.shape, value, np.float32)
    assert fit_scale_shift(prediction, truth, valid) == (0.0, pytest.approx(truth[valid].mean()))


def test_truth_is_scaled_by_its_valid_range():
    truth = np.array([[2.0, 4.0, 6.0], [99.0, 3.0, -50.0]])
    valid = np.array([[True, True, True], [False, True, False]])
    expected = [[0, 0.5, 1], [np.nan, 0.25, np.nan]]
    np.testing.assert_allclose(normalise_truth(truth, valid), expected)


def test_constant_truth_is_zero_and_no_truth_is_refused():
    flat = np.full((2, 2), 5.0)
    assert (normalise_truth(flat, np.ones((2, 2), bool)) == 0).all()
    with pytest.raises(ValueError, match="no valid pixel"):
        normalise_truth(flat, np.zeros((2, 2), bool))
