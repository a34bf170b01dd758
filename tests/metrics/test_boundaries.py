import math

import numpy as np
import pytest
from scipy import ndimage

from maskdepth_cli.metrics.boundaries import (
    boundary_band,
    depth_edges,
    edge_errors,
    mask_boundary_error,
)

HEIGHT, WIDTH, EDGE = 40, 64, 30
ALL = np.ones((HEIGHT, WIDTH), bool)


def step(column, height=1.0):
    depth = np.zeros((HEIGHT, WIDTH))
    depth[:, column:] = height
    return depth


def test_band_is_two_inside_dilated_by_two():
    columns = np.flatnonzero(boundary_band(step(EDGE) > 0)[0])
    # Inner rim EDGE..EDGE+1, dilated by 2 on both sides; the frame is no boundary.
    assert columns.tolist() == list(range(EDGE - 2, EDGE + 4))


def test_band_agrees_with_scipy_morphology():
    rng = np.random.default_rng(0)
    for dilation, erosion in ((5, 5), (3, 7), (1, 3)):
        mask = ndimage.gaussian_filter(rng.random((50, 60)), 4) > 0.5
        rim = mask & ~ndimage.binary_erosion(mask, np.ones((erosion, erosion)), border_value=1)
        expected = ndimage.binary_dilation(rim, np.ones((dilation, dilation)))
        np.testing.assert_array_equal(boundary_band(mask, dilation, erosion), expected)


@pytest.mark.parametrize("mask", [np.zeros((9, 9), bool), np.ones((9, 9), bool)])
def test_empty_and_full_masks_have_no_band(mask):
    assert not boundary_band(mask).any()


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_mbe_of_a_shifted_step(shift):
    # An edge `shift` columns late is wrong by the step's height in that many of 6 columns.
    error = mask_boundary_error(step(EDGE + shift, 0.5), step(EDGE, 0.5), ALL, [step(EDGE) > 0])
    assert error == pytest.approx(0.5 * math.sqrt(shift / 6))


def test_mbe_averages_over_instances_not_over_pixels():
    truth = np.zeros((HEIGHT, WIDTH))
    small, large = np.zeros_like(ALL), np.zeros_like(ALL)
    small[5:10, 5:10], large[15:38, 20:60] = True, True
    prediction = np.where(boundary_band(small), 0.6, 0.0)
    error = mask_boundary_error(prediction, truth, ALL, [small, large])
    assert error == pytest.approx((0.6 + 0.0) / 2)


def test_mbe_leaves_out_invalid_pixels_and_instances_without_a_band():
    mask, valid = step(EDGE) > 0, ALL.copy()
    valid[:, EDGE] = False
    prediction = step(EDGE)
    prediction[:, EDGE] = np.nan
    assert mask_boundary_error(prediction, step(EDGE), valid, [mask, ALL]) == 0.0
    assert math.isnan(mask_boundary_error(step(EDGE), step(EDGE), ALL, []))
    assert math.isnan(mask_boundary_error(step(EDGE), step(EDGE), ALL, [ALL]))
    assert math.isnan(mask_boundary_error(step(EDGE), step(EDGE), ~ALL, [mask]))


def ibims(predicted, true):
    """The published definition, word for word, with clamping by loops."""
    to_true = ndimage.distance_transform_edt(~true)
    to_predicted = ndimage.distance_transform_edt(~predicted)
    near = [to_true[y, x] for y, x in np.argwhere(predicted) if to_true[y, x] < 10]
    if not near:
        return 10.0, 10.0
    both = [min(to_true[y, x], 10) for y, x in np.argwhere(predicted)]
    both += [min(to_predicted[y, x], 10) for y, x in np.argwhere(true)]
    return sum(near) / len(near), sum(both) / len(both)


@pytest.mark.parametrize("density", [0.3, 0.02, 0.002])
def test_edge_errors_agree_with_a_loop(density):
    rng = np.random.default_rng(1)
    for _ in range(5):
        predicted, true = rng.random((2, 30, 40)) < density
        true[0, 0] = predicted[29, 39] = True
        assert edge_errors(predicted, true) == pytest.approx(ibims(predicted, true))


@pytest.mark.parametrize("shift", [0, 1, 3, 9, 10, 15])
def test_edge_errors_of_a_shifted_step(shift):
    true = depth_edges(step(20), ALL)
    predicted = depth_edges(step(20 + shift), ALL)
    # Canny marks the two columns beside a sharp step: the far one is `shift` away, the other less.
    assert np.flatnonzero(true[HEIGHT // 2]).tolist() == [19, 20]
    distances = [max(shift - 1, 0), shift]
    near = [distance for distance in distances if distance < 10]
    accuracy = np.mean(near) if near else 10
    completeness = np.mean([min(distance, 10) for distance in distances]) if near else 10
    assert edge_errors(predicted, true) == (accuracy, completeness)


def test_far_edges_are_dropped_from_accuracy_and_clamped_in_completeness():
    true, predicted = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    true[:, 10] = predicted[:, 12] = predicted[:, 50] = True
    assert edge_errors(predicted, true) == (2.0, pytest.approx((2 + 10 + 2) / 3))


def test_without_edges():
    none, some = np.zeros((20, 20), bool), np.eye(20, dtype=bool)
    assert edge_errors(none, some) == (10.0, 10.0)
    assert all(math.isnan(value) for value in edge_errors(some, none))
    assert not depth_edges(np.full((HEIGHT, WIDTH), 3.0), ALL).any()
    assert not depth_edges(step(EDGE), ~ALL).any()


def test_edges_do_not_depend_on_scale_and_shift_of_the_depth():
    rng = np.random.default_rng(2)
    depth = ndimage.gaussian_filter(rng.random((HEIGHT, WIDTH)), 3)
    edges = depth_edges(depth, ALL)
    assert edges.any()
    np.testing.assert_array_equal(depth_edges(1024 * depth - 512, ALL), edges)
