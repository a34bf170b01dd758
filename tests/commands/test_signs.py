"""Signs of single photos: a near disc, its inverse, a sky, empty and full masks."""

from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.commands.signs import (
    BARE,
    BEHIND,
    FULL,
    HIGHEST,
    LOWEST,
    UNCHANGED,
    doubts,
    lone_numbers,
    signs_of,
)
from maskdepth_cli.files.depths import DepthMap
from maskdepth_cli.files.scales import Scale

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


def map_of(numbers, kind="inverse", unknown=None):
    numbers = np.asarray(numbers)
    bits = 0 if numbers.dtype.kind == "f" else 16
    return DepthMap(np.asarray(numbers, np.float32), numbers, Scale(kind, unknown=unknown), bits)


def ramp(low, high, dtype=np.uint16):
    return np.linspace(low, high, 120 * 160).reshape(SIZE).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize(("number", "sign"), [(0, LOWEST), (65535, HIGHEST)])
def test_a_number_far_from_all_others(number, sign, dtype):
    numbers = ramp(4000, 20000, dtype)
    numbers[::5, ::3] = number  # 7% of the pixels
    assert set(lone_numbers(map_of(numbers))) == {sign}
    assert set(lone_numbers(map_of(numbers, "far"))) == {sign}
    assert set(lone_numbers(map_of(numbers, unknown=number))) == set()


def test_numbers_that_others_lie_beside_are_depth():
    assert set(lone_numbers(map_of(ramp(0, 20000)))) == set()
    saturated = np.minimum(ramp(0, 90000, np.int64), 65535).astype(np.uint16)
    assert set(lone_numbers(map_of(saturated))) == set()
    few = ramp(4000, 20000)
    few[0, :50] = 0  # 0.3%
    assert set(lone_numbers(map_of(few))) == set()
    assert set(lone_numbers(map_of(np.full(SIZE, 7, np.uint16)))) == set()
    assert set(lone_numbers(map_of(np.full(SIZE, np.nan, np.float32)))) == set()


def test_of_metric_maps_neither_no_distance_nor_an_infinite_one_is_odd():
    numbers = ramp(1000, 9000)
    numbers[::5, ::3] = 0
    assert set(lone_numbers(map_of(numbers, "depth", unknown=0))) == set()
    sky = ramp(1, 9, np.float32)
    sky[:40] = 1e10
    assert set(lone_numbers(map_of(sky, "depth"))) == set()


def test_codes_of_no_measurement_in_metric_maps():
    numbers = ramp(1000, 9000)
    numbers[::5, ::3] = 65535
    assert set(lone_numbers(map_of(numbers, "depth", unknown=0))) == {HIGHEST}
    assert set(lone_numbers(map_of(numbers, "depth", unknown=65535))) == set()


@pytest.mark.parametrize(
    ("numbers", "doubted"),
    [
        (ramp(0, 1, np.float32), True),  # Marigold's
        (ramp(0, 65535), True),
        (ramp(0, 1.5, np.float32), False),  # metres
        (ramp(0.2, 1, np.float32), False),
        (ramp(0, 9000), False),  # millimetres
    ],
)
def test_metric_maps_that_fill_their_range(numbers, doubted):
    made = map_of(numbers, "depth")
    said = [one for one in doubts(made, DISC) if "from end to end" in one]
    assert bool(said) == doubted
    assert not list(doubts(map_of(numbers), DISC))
