import numpy as np

from maskdepth_cli.datasets.derived_masks import masks_from_depth


def groups(labels):
    return len(np.unique(labels[labels > 0]))


def test_a_box_before_a_wall():
    depth = np.full((20, 30), 0.2, np.float32)
    depth[5:12, 8:20] = 0.5
    labels = masks_from_depth(depth)
    assert groups(labels) == 2
    assert labels[0, 0] == 1  # the larger region comes first
    np.testing.assert_array_equal(labels == 2, depth == 0.5)


def test_slanted_planes_are_not_cut_however_steep():
    y, x = np.mgrid[:40, :50]
    horizon = np.maximum(y - 20.0, 0) / 20  # from 0 upwards: the ratio of rows is infinite
    assert groups(masks_from_depth(horizon.astype(np.float32))) == 1
    assert groups(masks_from_depth((0.01 + 0.5 * x + 0.2 * y).astype(np.float32))) == 1


def test_a_step_on_a_slanted_plane_is_cut():
    y, x = np.mgrid[:40, :50]
    plane = 0.2 + 0.01 * y
    depth = np.where(x < 25, plane, plane + 0.1).astype(np.float32)
    assert groups(masks_from_depth(depth)) == 2


def test_unknown_pixels_belong_to_no_region_and_part_nothing_else():
    depth = np.full((10, 10), 0.3, np.float32)
    depth[:, 4] = np.nan
    depth[0, 4] = 0.3
    labels = masks_from_depth(depth)
    assert groups(labels) == 1  # joined through the one known pixel
    np.testing.assert_array_equal(labels == 0, np.isnan(depth))


def test_the_threshold_is_a_share_of_the_nearer_depth():
    depth = np.ones((6, 12), np.float32)
    depth[:, 6:] = 1.1
    assert groups(masks_from_depth(depth, threshold=0.05)) == 2
    assert groups(masks_from_depth(depth, threshold=0.15)) == 1
    np.testing.assert_array_equal(masks_from_depth(1000 * depth), masks_from_depth(depth))


def test_touching_at_a_corner_is_not_touching():
    depth = np.full((8, 8), 0.2, np.float32)
    depth[:4, :4] = depth[4:, 4:] = 0.9
    assert groups(masks_from_depth(depth)) == 4
