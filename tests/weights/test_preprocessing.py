from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.weights.preprocessing import HALF, Preprocessing, resize, resize_photo
from maskdepth_cli.weights.registry import require_entry

# (width, height) of the photo; (width, height) in the network, worked out by hand from the rule:
# upper_bound scales both sides by the smaller of 384/side, minimal by the one nearer to 1; then
# each side goes to the nearest multiple of 32 (upper_bound: never above 384).
TABLE = [
    # photo         midas-v2.1   dpt-large
    ((1920, 1080), (384, 224), (672, 384)),  # 384 / 1080 = .3556: 682.7 -> 21.3 x 32
    ((1080, 1920), (224, 384), (384, 672)),
    ((640, 480), (384, 288), (512, 384)),
    ((384, 384), (384, 384), (384, 384)),
    ((500, 375), (384, 288), (512, 384)),  # dpt: |1 - 384/375| is the smaller step
    ((300, 200), (384, 256), (384, 256)),  # both up: 1.28 is nearer to 1 than 1.92
    ((1001, 667), (384, 256), (576, 384)),  # 1001 * 384 / 667 = 576.3
    ((100, 37), (384, 128), (384, 128)),  # 3.84 nearer than 10.4; 142.1 -> 4.44 x 32
    ((4000, 1000), (384, 96), (1536, 384)),
    ((333, 1000), (128, 384), (384, 1152)),  # dpt: 384 / 333 = 1.153 is nearer than .384
    ((5000, 100), (384, 32), (384, 32)),  # 7.7: the published rule gives 0
]


@pytest.mark.parametrize(("photo", "midas", "dpt"), TABLE)
def test_network_sizes_follow_the_published_rule(
    photo: tuple[int, int], midas: tuple[int, int], dpt: tuple[int, int]
) -> None:
    for name, expected in (("midas-v2.1", midas), ("dpt-large", dpt), ("dpt-hybrid", dpt)):
        rule = require_entry(name).preprocessing
        assert rule is not None
        assert rule.network_size(photo[1], photo[0]) == expected[::-1]


def test_upper_bound_rounds_down_only_beyond_the_bound() -> None:
    rule = Preprocessing(200, "upper_bound", HALF, HALF, multiple=32)
    # 200 / 32 = 6.25 -> 192; 190 of 200 -> 190 / 32 = 5.94 -> 192.
    assert rule.network_size(200, 190) == (192, 192)
    rule = Preprocessing(250, "upper_bound", HALF, HALF, multiple=32)
    # 250 / 32 = 7.8 -> 256 exceeds 250 -> 224.
    assert rule.network_size(250, 250) == (224, 224)


def test_constant_photos_are_normalised_per_channel() -> None:
    rule = require_entry("midas-v2.1").preprocessing
    assert rule is not None
    photo = np.empty((48, 64, 3), np.float32)
    photo[...] = (0.485, 0.456 + 0.224, 0.406 - 0.225)
    prepared = rule(photo)
    assert prepared.shape == (3, 288, 384)
    np.testing.assert_allclose(prepared.amax((1, 2)), [0, 1, -1], atol=1e-5)
    np.testing.assert_allclose(prepared.amin((1, 2)), [0, 1, -1], atol=1e-5)


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
