from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.engine.finishing import confidence_of, finish
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.settings import FinishSettings

SHAPE = (30, 40)


def result(mask):
    near, far = np.full(SHAPE, 5, np.float32), np.full(SHAPE, 1, np.float32)
    depth = (mask * near + (1 - mask) * far).astype(np.float32)
    return RefinedDepth(depth, near, far, mask, np.zeros(SHAPE, np.bool_))


@pytest.fixture
def soft():
    return np.clip(np.tile((np.arange(40) - 15) / 10, (30, 1)), 0, 1).astype(np.float32)


def test_hard_edges_have_no_depths_in_between(soft):
    assert len(np.unique(result(soft).depth)) > 5
    found = finish(result(soft), FinishSettings(edges="hard"))
    np.testing.assert_array_equal(found.depth, np.where(soft >= 0.5, 5, 1))
    np.testing.assert_array_equal(found.mask, soft)
    assert found.changed[:, 17].all()
    assert not found.changed[:, [0, 39]].any()


@pytest.mark.parametrize("pixels", [1, 4, -3])
def test_the_object_grows_by_pixels(pixels):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    mask = (np.hypot(rows - 15, columns - 20) <= 8).astype(np.float32)
    depth = finish(result(mask), FinishSettings(grow=pixels)).depth
    assert set(np.unique(depth)) == {1, 5}
    row = np.flatnonzero(depth[15] == 5)
    assert (row.min(), row.max()) == (12 - pixels, 28 + pixels)


def test_a_depth_stays_bit_for_bit_where_nothing_is_wanted(soft):
    refined = result(soft)
    refined.depth[:, :5] = np.random.default_rng(0).random((30, 5))
    refined.background[:, :5] = 7  # of no account where the mask stays
    found = finish(refined, FinishSettings(edges="hard"))
    np.testing.assert_array_equal(found.depth[:, :5], refined.depth[:, :5])
    assert finish(refined, FinishSettings()) is refined


def test_the_sky_is_farthest_or_unknown(soft):
    refined = result(soft)
    refined.depth[0, 0] = 0.25
    refined.depth[1, 1] = np.nan
    sky = np.zeros(SHAPE, np.float32)
    sky[:10], sky[10] = 1, 0.5
    far = finish(refined, FinishSettings(), sky)
    np.testing.assert_array_equal(far.depth[:10], 0.25)
    np.testing.assert_allclose(far.depth[10, 39], (5 + 0.25) / 2)
    np.testing.assert_array_equal(far.depth[11:], refined.depth[11:])
    np.testing.assert_array_equal(far.background[:10], 0.25)
    unknown = finish(refined, FinishSettings(sky_as="unknown"), sky)
    assert np.isnan(unknown.depth[:11]).all()
    np.testing.assert_array_equal(unknown.depth[11:], refined.depth[11:])
    hard = finish(refined, FinishSettings(edges="hard"), sky)
    assert set(np.unique(hard.depth)) == {np.float32(0.25), 1, 5}


def test_confidence_is_what_is_written_of_it(soft):
    refined = result(soft)
    initial = refined.depth.copy()
    initial[:, 30] -= 0.4  # a tenth of the range
    initial[:, 35] -= 2
    initial[:, 38] = np.nan
    refined.depth[0, 0] = np.nan
    initial[:, 20] += 0.2  # where the mask is a half
    found = confidence_of(initial, refined)
    np.testing.assert_allclose(found[:, 30], 1 - 4 * 0.1, atol=1e-5)
    np.testing.assert_array_equal(found[:, 35], 0)
    np.testing.assert_array_equal(found[:, 38], 0)
    np.testing.assert_allclose(found[:, 20], 0, atol=1e-5)
    assert found[0, 0] == 0
    np.testing.assert_array_equal(np.delete(found, [0, 20, 30, 35, 38], axis=1), 1)
