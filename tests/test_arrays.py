from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.arrays import resize, resize_photo


@pytest.mark.parametrize(
    ("size", "smaller"),
    [((48, 64), (6, 8)), ((48, 64), (12, 32)), ((50, 60), (25, 30)), ((45, 63), (15, 21))],
)
def test_area_averages_the_pixels_that_fall_into_one(size, smaller) -> None:
    photo = np.random.default_rng(0).random((*size, 3), dtype=np.float32)
    blocks = photo.reshape(smaller[0], size[0] // smaller[0], smaller[1], size[1] // smaller[1], 3)
    means = blocks.mean((1, 3))
    np.testing.assert_allclose(resize(photo, smaller, "area"), means, atol=1e-6)
    np.testing.assert_allclose(resize_photo(photo, smaller, "area"), means, atol=1e-6)
    stored = np.rint(photo * 255).astype(np.uint8)
    found = resize_photo(stored, smaller, "area")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, means, atol=(0.5 + 0.5 + 3 * 0.5) / 255)  # 3 halvings


def test_area_keeps_the_mean_of_sizes_that_do_not_divide() -> None:
    map_ = np.random.default_rng(1).random((1224, 1632), dtype=np.float32)
    assert resize(map_, (384, 512), "area").mean() == pytest.approx(map_.mean(), abs=1e-5)


@pytest.mark.parametrize("size", [(20, 5000), (5000, 20)])
def test_no_pixel_is_skipped_where_one_side_shrinks_and_the_other_grows(size) -> None:
    """A line of a single pixel's width is there, at a tenth of its weight, wherever it is."""
    smaller = (32, 500) if size[0] < size[1] else (500, 32)
    for place in (0, 1234, 4875, 4999):
        mask = np.zeros(size, np.float32)
        mask[(slice(None), place) if size[0] < size[1] else place] = 1
        found = resize(mask, smaller, "area")
        assert found.max() == pytest.approx(0.1, abs=1e-5)
        assert found.mean() == pytest.approx(mask.mean(), rel=1e-4)


def test_half_precision_photos_are_resized() -> None:
    photo = np.random.default_rng(0).random((64, 96, 3)).astype(np.float16)
    means = photo.astype(np.float32).reshape(16, 4, 24, 4, 3).mean((1, 3))
    np.testing.assert_allclose(resize_photo(photo, (16, 24), "area"), means, atol=1e-6)
