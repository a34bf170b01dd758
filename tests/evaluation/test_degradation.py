import numpy as np
import pytest
from scipy import ndimage

from maskdepth_cli.evaluation.degradation import STEPS, Degradation, degrade


def box():
    mask = np.zeros((40, 50), np.float32)
    mask[10:30, 12:36] = 1
    return mask


def disc(radius):
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.hypot(x, y) <= radius + 0.5


@pytest.mark.parametrize("radius", [1, 2, 4, 8])
def test_dilate_and_erode_agree_with_scipy(radius):
    mask = ndimage.gaussian_filter(np.random.default_rng(0).random((50, 60)), 3) > 0.5
    grown = ndimage.binary_dilation(mask, disc(radius))
    shrunk = ndimage.binary_erosion(mask, disc(radius), border_value=1)
    soft = mask.astype(np.float32)
    np.testing.assert_array_equal(degrade(soft, Degradation("dilate", radius)), grown)
    np.testing.assert_array_equal(degrade(soft, Degradation("erode", radius)), shrunk)


def test_coarsening_loses_what_is_thin_and_keeps_what_is_large():
    mask = box()
    mask[5, :] = 1  # one pixel thin
    coarse = degrade(mask, Degradation("coarsen", 8))
    assert coarse[5].sum() == 0
    assert coarse[14:26, 16:32].all()
    assert set(np.unique(coarse)) <= {0.0, 1.0}


@pytest.mark.parametrize("largest", [1, 2, 3])
def test_edges_wander_both_ways_and_no_farther_than_said(largest):
    mask = np.zeros((240, 320), np.float32)
    mask[60:180, 80:240] = 1
    worse = degrade(mask, Degradation("wander", largest))
    inwards = ndimage.distance_transform_edt(mask) * (worse == 0)
    outwards = ndimage.distance_transform_edt(1 - mask) * (worse == 1)
    for way in (inwards, outwards):
        assert 0.5 * largest <= way.max() <= largest * 2**0.5 + 0.5


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_every_step_does_something_and_keeps_shape_and_range(step):
    mask = ndimage.gaussian_filter(np.random.default_rng(1).random((41, 53)), 1.5) > 0.5
    worse = degrade(mask.astype(np.float32), step)
    assert worse.shape == mask.shape
    assert worse.dtype == np.float32
    assert (worse != mask).any()
    assert worse.min() >= 0
    assert worse.max() <= 1


def test_tiny_masks_may_vanish_but_do_not_fail():
    dot = np.zeros((5, 7), np.float32)
    dot[2, 3] = 1
    assert degrade(dot, Degradation("erode", 8)).sum() == 0
    assert degrade(dot, Degradation("coarsen", 16)).sum() == 0
