from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.viewing.colors import (
    UNKNOWN,
    color_change,
    color_depth,
    color_instances,
    depth_range,
)
from maskdepth_cli.viewing.panels import (
    CAPTION,
    GAP,
    TILE,
    depth_tile,
    panel_tiles,
    prediction_panel,
    refinement_panel,
)


def test_range_is_shared_robust_and_never_empty():
    ramp = np.linspace(0, 100, 1001, dtype=np.float32).reshape(1, -1)
    assert depth_range(ramp) == pytest.approx((1, 99))
    assert depth_range(ramp, ramp + 50) == pytest.approx((1, 149))
    spoilt = ramp.copy()
    spoilt[0, ::100] = np.nan
    spoilt[0, 1] = np.inf
    assert depth_range(spoilt) == pytest.approx((1, 99), abs=0.5)
    low, high = depth_range(np.full((4, 4), 7, np.float32))
    assert low == 7
    assert high > low
    low, high = depth_range(np.full((4, 4), np.nan, np.float32))
    assert high > low


def test_near_is_red_far_is_blue_unknown_is_gray():
    depth = np.array([[0, 5, 10, 99, np.nan, np.inf]], np.float32)
    far, middle, near, beyond, unknown, infinite = color_depth(depth, 0, 10)[0].astype(int)
    assert far[2] > far[0]
    assert near[0] > near[2]
    assert tuple(beyond) == tuple(near)
    assert middle.sum() > max(far.sum(), near.sum())
    assert tuple(unknown) == tuple(infinite) == UNKNOWN


def test_change_shows_its_direction_over_the_dim_photo():
    before = np.array([[1, 1, 1, np.nan]], np.float32)
    after = np.array([[2, 0, 1, np.nan]], np.float32)
    photo = np.full((1, 4, 3), 200, np.uint8)
    nearer, farther, same, unknown = color_change(before, after, 1, photo)[0].astype(int)
    assert nearer[0] > nearer[2] + 100
    assert farther[2] > farther[0] + 100
    assert tuple(same) == tuple(unknown) == (70, 70, 70)


def test_instances_have_colours_of_their_own():
    colors = color_instances(np.arange(40, dtype=np.int32).reshape(1, -1))[0]
    assert tuple(colors[0]) == (0, 0, 0)
    assert len({tuple(color) for color in colors}) == 40
    assert colors[1:].max(axis=1).min() > 200


def scene(height, width):
    mask = np.zeros((height, width), np.float32)
    mask[height // 4 : height // 2, width // 2 :] = 1
    photo = np.random.default_rng(0).random((height, width, 3)).astype(np.float32)
    return photo, mask, 1 + mask * 0.5, 1 + mask


@pytest.mark.parametrize(("height", "width"), [(300, 400), (1500, 1000), (7, 5), (1, 1), (1, 900)])
def test_five_pictures_side_by_side_for_any_size(height, width):
    photo, mask, before, after = scene(height, width)
    panel = refinement_panel(photo, mask, before, after)
    assert panel.dtype == np.uint8
    wide, high = (max(1, round(side * TILE / max(height, width))) for side in (width, height))
    assert panel.shape[1] >= 5 * wide + 6 * GAP
    rest = panel.shape[0] - CAPTION - high - GAP
    assert rest == 0 or rest > 1  # without a change there is no second row
    assert panel[:CAPTION].max() > 200  # captions


def test_the_close_up_is_where_the_change_is():
    photo, mask, before, _ = scene(400, 400)
    after = before.copy()
    after[300:320, 40:60] += 3
    photo[300:320, 40:60] = (0, 1, 0)
    panel = refinement_panel(photo, mask, before, after)
    close = panel[CAPTION + TILE + GAP :, GAP : GAP + TILE].astype(int)
    green = (close[..., 1] > 200) & (close[..., 0] < 50) & (close[..., 2] < 50)
    assert green.mean() > 0.9 * (20 / 88) ** 2


def test_without_a_change_there_is_one_row():
    photo, mask, before, _ = scene(300, 400)
    panel = refinement_panel(photo, mask, before, before)
    assert panel.shape[0] == CAPTION + 480 + GAP


def test_unknown_depth_stays_where_it_is():
    photo, mask, before, after = scene(640, 640)
    before[:320] = np.nan
    after[:320] = np.nan
    before[0, 0] = np.inf
    panel = refinement_panel(photo, mask, before, after)
    left = 2 * TILE + 3 * GAP
    tile = panel[CAPTION : CAPTION + TILE, left : left + TILE]
    gray = (tile == UNKNOWN).all(axis=2)
    assert gray[:320].all()
    assert not gray[321:].any()


def test_prediction_panel_shows_photo_and_depth():
    photo, _, depth, _ = scene(480, 640)
    panel = prediction_panel(photo, depth)
    assert panel.shape == (CAPTION + 480 + GAP, 2 * 640 + 3 * GAP, 3)
    shown = panel[CAPTION : CAPTION + 480, GAP : GAP + 640]
    np.testing.assert_array_equal(shown, np.rint(photo * 255).astype(np.uint8))


@pytest.mark.parametrize(("height", "width"), [(300, 400), (1000, 700), (7, 5), (640, 640)])
def test_a_panel_comes_apart_again(height, width):
    photo, mask, before, after = scene(height, width)
    for panel, more in (
        (refinement_panel(photo, mask, before, after), ["close_before", "close_after"]),
        (refinement_panel(photo, mask, before, before), []),
    ):
        tiles = panel_tiles(panel, (width, height))
        assert list(tiles) == ["photo", "mask", "before", "after", "change", *more]
        rows, columns = (max(1, round(side * TILE / max(height, width))) for side in mask.shape)
        assert {tile.shape for tile in tiles.values()} == {(rows, columns, 3)}
        inside, outside = tiles["mask"][rows * 3 // 8, -3], tiles["mask"][-3, 3]
        assert (inside == 255).all()
        assert (outside == 0).all()
    tiles = panel_tiles(prediction_panel(photo, before), (width, height))
    assert list(tiles) == ["photo", "after"]
    low, high = depth_range(before)
    np.testing.assert_array_equal(tiles["after"], depth_tile(before, low, high))
    assert panel_tiles(tiles["after"], (width, height)) == {}
