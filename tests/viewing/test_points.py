from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.viewing.points import (
    distance_between,
    distance_of,
    focal_length,
    hangs,
    point_cloud,
)


def test_near_and_far_are_met_and_inverse_distance_is_linear_between():
    inverse = np.array([[-3, 0.5, 4, np.nan]], np.float32)  # 0.5 is half way
    distance = distance_between(inverse, 2, 8)
    np.testing.assert_allclose(distance, [[8, 1 / ((1 / 2 + 1 / 8) / 2), 2, np.nan]], rtol=1e-6)


def test_maps_that_share_a_range_share_distances():
    whole = np.array([[0, 5, 10]], np.float32)
    part = np.array([[5, 20]], np.float32)
    distance = distance_between(part, 1, 4, whole)
    assert distance[0, 0] == distance_between(whole, 1, 4)[0, 1]
    assert distance[0, 1] == 1
    np.testing.assert_array_equal(distance_between(np.full((1, 2), 3, np.float32), 1, 4), 4)


def test_metric_inverse_depth():
    inverse = np.array([[0.5, 0, -1, np.nan]], np.float32)
    np.testing.assert_array_equal(distance_of(inverse), [[2, np.nan, np.nan, np.nan]])


def test_field_of_view():
    assert focal_length(640, 90) == pytest.approx(320)
    assert focal_length(1024, 60) == pytest.approx(886.81, abs=0.01)  # Hypersim's camera


def test_a_wall_is_as_large_as_its_angle_says():
    image = np.zeros((30, 40, 3), np.float32)
    image[0, 0] = (1, 0, 0)
    cloud = point_cloud(image, np.full((30, 40), 4, np.float32), focal=20)
    assert cloud.positions.shape == (1200, 3)
    np.testing.assert_allclose(cloud.positions[0], [-19.5 * 4 / 20, 14.5 * 4 / 20, -4])
    np.testing.assert_allclose(cloud.positions.mean(axis=0), [0, 0, -4], atol=1e-6)
    assert tuple(cloud.colors[0]) == (255, 0, 0)


def test_unknown_pixels_and_those_beyond_the_mask_have_no_point():
    distance = np.array([[1, np.nan, np.inf, 0, 2]], np.float32)
    image = np.linspace(0, 1, 15, dtype=np.float32).reshape(1, 5, 3)
    cloud = point_cloud(image, distance, 1)
    np.testing.assert_array_equal(cloud.positions[:, 2], [-1, -2])
    np.testing.assert_array_equal(cloud.colors[1], np.rint(image[0, 4] * 255))
    masked = point_cloud(image, distance, 1, mask=np.array([[0.4, 1, 1, 1, 0.6]], np.float32))
    np.testing.assert_array_equal(masked.positions[:, 2], [-2])


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_only_what_hangs_between_surfaces_is_culled(turn):
    sharp = np.repeat(np.array([[1, 1, 1, 2, 2, 2]], np.float32), 5, axis=0)
    blurred = np.repeat(np.array([[1, 1, 1.3, 1.7, 2, 2]], np.float32), 5, axis=0)
    assert not hangs(np.rot90(sharp, turn), 0.05).any()
    found = np.rot90(hangs(np.rot90(blurred, turn), 0.05), -turn)
    np.testing.assert_array_equal(
        found, np.repeat([[False, False, True, True, False, False]], 5, 0)
    )
    assert not hangs(blurred, 0.5).any()
    image = np.zeros((5, 6, 3), np.float32)
    assert len(point_cloud(image, blurred, 1, cull=0.05).positions) == 20
