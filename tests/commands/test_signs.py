"""Signs of single photos: a near disc, its inverse, a sky, empty and full masks."""

from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.commands.signs import BARE, BEHIND, FULL, UNCHANGED, signs_of

SIZE = (120, 160)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
DISC = ((ROWS - 60) ** 2 + (COLUMNS - 80) ** 2 < 30**2).astype(np.float32)
GROUND = (ROWS / SIZE[0]).astype(np.float32)  # nearer below


def signs(depth, mask, change=1.0):
    return set(signs_of(np.asarray(depth, np.float32), np.asarray(mask, np.float32), change))


@pytest.mark.parametrize("scale", [1, 1000, 1e-4])
@pytest.mark.parametrize("ground", [0, 0.5])
def test_a_near_object_and_its_inverted_mask(scale, ground):
    depth = scale * (DISC + ground * GROUND)
    assert signs(depth, DISC, scale) == set()
    assert signs(depth, 1 - DISC, scale) == {BEHIND}
    # Metric depth taken for inverse depth: 1/z of a near object is larger, z smaller.
    assert signs(1 / (0.5 + depth / scale), DISC) == {BEHIND}


def test_an_object_that_stands_on_the_ground_is_not_behind():
    lower = (ROWS > 60) & (DISC > 0)
    depth = GROUND + 0.3 * lower  # touches the ground in front of it
    assert BEHIND not in signs(depth, lower)


def test_a_mask_on_a_plain_ramp_is_neither():
    for axis in (ROWS, COLUMNS):
        assert BEHIND not in signs(axis / 160, DISC)


def test_unknown_depth_does_not_count():
    depth = DISC.copy()
    depth[:, :60] = np.nan
    assert signs(depth, DISC) == set()
    assert BEHIND not in signs(np.full(SIZE, np.nan), DISC)


def test_masks_that_cover_nearly_all_or_nothing_and_no_change():
    few, most = np.zeros(SIZE), np.ones(SIZE)
    few[0, :5] = 1
    most[0, :5] = 0
    assert BARE in signs(DISC, few)
    assert FULL in signs(DISC, most)
    assert UNCHANGED in signs(DISC, DISC, 0)
    assert UNCHANGED not in signs(DISC, DISC, 0.01)


def test_an_instance_map_may_cover_the_whole_photo_and_leave_out_what_is_near():
    for mask in (np.ones(SIZE, np.float32), 1 - DISC):
        assert set(signs_of(DISC + GROUND, mask, 1.0)) & {FULL, BEHIND}
        assert not set(signs_of(DISC + GROUND, mask, 1.0, divides=True))
