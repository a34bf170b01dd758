import cv2
import numpy as np
import pytest

from maskdepth_cli.methods.fills import fill_nearest, fill_telea

RNG = np.random.default_rng(0)


def nearest_by_loop(depth, known):
    points = np.argwhere(known)
    out = depth.copy()
    allowed = {}
    for y, x in np.argwhere(~known):
        distances = ((points - (y, x)) ** 2).sum(axis=1)
        allowed[y, x] = {depth[tuple(p)] for p in points[distances == distances.min()]}
    return out, allowed


def test_nearest_agrees_with_a_loop():
    depth = RNG.random((12, 15)).astype(np.float32)
    known = RNG.random((12, 15)) > 0.8
    filled = fill_nearest(depth, known)
    expected, allowed = nearest_by_loop(depth, known)
    np.testing.assert_array_equal(filled[known], expected[known])
    assert all(filled[place] in values for place, values in allowed.items())  # ties: any


@pytest.mark.parametrize("fill", [fill_nearest, fill_telea])
def test_known_pixels_stay_and_unknown_ones_are_not_read(fill):
    depth = RNG.normal(5, 1, (20, 25)).astype(np.float32)
    known = RNG.random((20, 25)) > 0.3
    filled = fill(depth, known)
    np.testing.assert_array_equal(filled[known], depth[known])
    spoilt = np.where(known, depth, np.float32(np.nan))
    np.testing.assert_array_equal(fill(spoilt, known), filled)
    assert filled.dtype == np.float32


@pytest.mark.parametrize("fill", [fill_nearest, fill_telea])
def test_all_or_nothing_known(fill):
    depth = RNG.random((5, 6)).astype(np.float32)
    for known in (np.zeros((5, 6), bool), np.ones((5, 6), bool)):
        filled = fill(depth, known)
        np.testing.assert_array_equal(filled, depth)
        assert filled is not depth


@pytest.mark.parametrize("fill", [fill_nearest, fill_telea])
def test_a_constant_is_continued(fill):
    depth = np.full((8, 9), 0.25, np.float32)
    known = np.zeros((8, 9), bool)
    known[2:4, 2:4] = True
    assert (fill(np.where(known, depth, 7), known) == 0.25).all()


def test_telea_is_opencv_on_16_bits():
    levels = RNG.integers(0, 65536, (30, 40)).astype(np.uint16)
    levels[0, :2] = 0, 65535
    known = RNG.random((30, 40)) > 0.4
    known[0, :2] = True
    levels[~known] = 0  # OpenCV's gradients do read them, to an effect of a level or two
    expected = cv2.inpaint(levels, (~known).astype(np.uint8), 5, cv2.INPAINT_TELEA)
    filled = fill_telea(levels.astype(np.float32), known)
    np.testing.assert_allclose(filled, expected, atol=0.01)


@pytest.mark.parametrize(("scale", "shift"), [(1e-3, 0), (1e4, -50), (0.1, 1)])
def test_telea_does_not_depend_on_the_units(scale, shift):
    # OpenCV itself does: it adds gradients in grey levels, which ruins maps in [0, 1].
    y, x = np.mgrid[:40, :50]
    depth = (np.hypot(x - 20, y - 20) / 30).astype(np.float32)
    known = np.abs(x - 25) > 4
    base = fill_telea(depth, known)
    moved = (fill_telea(scale * depth + np.float32(shift), known) - shift) / scale
    np.testing.assert_allclose(moved, base, atol=2e-3)
    assert np.abs(base - depth).max() < 0.15


def test_telea_radius_matters():
    depth = RNG.random((30, 30)).astype(np.float32)
    known = np.ones((30, 30), bool)
    known[10:20, 10:20] = False
    assert (fill_telea(depth, known, 1) != fill_telea(depth, known, 9)).any()
