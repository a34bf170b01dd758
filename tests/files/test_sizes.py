"""The size rule, against brute force and another library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.sizes import match_size

SIDES = st.integers(1, 24)


def test_equal_sizes_are_untouched() -> None:
    array = np.random.default_rng(0).random((4, 6), dtype=np.float32)
    assert match_size(array, (6, 4), what="mask", path="m.png") is array


@pytest.mark.parametrize(
    ("own", "photo", "fits"),
    [
        ((100, 100), (102, 100), True),
        ((100, 100), (103, 100), False),
        ((100, 100), (100, 103), False),
        ((640, 480), (1280, 960), True),
        ((384, 224), (1920, 1080), False),
        ((1, 1), (1000, 1000), True),
    ],
)
def test_aspect_ratio(own: tuple[int, int], photo: tuple[int, int], fits: bool) -> None:
    array = np.ones(own[::-1], np.float32)
    if fits:
        assert match_size(array, photo, what="depth", path="d.png").shape == photo[::-1]
        return
    with pytest.raises(InputFileError) as failure:
        match_size(array, photo, what="depth", path="dir/d.png")
    message = str(failure.value)
    assert message.startswith("dir/d.png: the depth map is ")
    assert f"{own[0]}x{own[1]}, its photo {photo[0]}x{photo[1]}" in message
    assert "\n" not in message


def test_a_mask_lacking_the_photos_rotation_is_recognised() -> None:
    with pytest.raises(InputFileError, match="lack the photo's Exif rotation"):
        match_size(np.ones((40, 30), np.float32), (400, 300), what="mask", path="m.png")


@settings(deadline=None, max_examples=60)
@given(SIDES, st.integers(1, 6), st.booleans(), st.data())
def test_instances_take_the_nearest_pixel(side: int, factor: int, grow: bool, data) -> None:
    large, small = side * factor, side
    own, size = (small, large) if grow else (large, small)
    ids = np.arange(own * own, dtype=np.int32).reshape(own, own)
    result = match_size(ids, (size, size), what="instances", path="i.png")
    assert result.dtype == np.int32
    centres = (np.arange(size) + 0.5) * own / size  # in source pixels
    for y, cy in enumerate(centres):
        row = result[y, 0] // own
        distances = np.abs(np.arange(own) + 0.5 - cy)
        assert distances[row] == pytest.approx(distances.min())
        assert (result[y] // own == row).all()
    np.testing.assert_array_equal(result % own, result.T // own)


@pytest.mark.parametrize("what", ["image", "mask", "depth"])
@pytest.mark.parametrize("factor", [2, 3, 5])
def test_shrinking_is_the_mean_over_the_area(what: str, factor: int) -> None:
    shape = (4 * factor, 6 * factor) + ((3,) if what == "image" else ())
    array = np.random.default_rng(0).random(shape, dtype=np.float32)
    result = match_size(array, (6, 4), what=what, path="a.png")
    blocks = array.reshape(4, factor, 6, factor, *shape[2:]).mean(axis=(1, 3))
    np.testing.assert_allclose(result, blocks, atol=1e-6)
    assert result.dtype == np.float32


def test_growing_depth_is_linear_as_in_scikit_image() -> None:
    depth = np.random.default_rng(0).random((7, 9)).astype(np.float32)
    result = match_size(depth, (27, 21), what="depth", path="d.png")
    expected = resize(depth, (21, 27), order=1, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(result, expected, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(SIDES, st.integers(2, 4), st.integers(0, 2**32))
def test_growing_masks_stay_masks(side: int, factor: int, seed: int) -> None:
    mask = np.random.default_rng(seed).integers(0, 2, (side, side)).astype(np.float32)
    result = match_size(mask, (side * factor,) * 2, what="mask", path="m.png")
    assert result.min() >= 0
    assert result.max() <= 1
    flat = np.full_like(mask, 0.3)
    grown = match_size(flat, (side * factor,) * 2, what="mask", path="m.png")
    np.testing.assert_allclose(grown, 0.3, atol=1e-6)
    if factor == 3 and side > 1:  # every third centre falls on a source centre
        np.testing.assert_allclose(result[1::3, 1::3], mask, atol=1e-6)


@settings(deadline=None, max_examples=80)
@given(st.integers(2, 12), st.integers(2, 5), st.booleans(), st.integers(0, 2**32))
def test_unknown_depth_keeps_to_its_footprint(
    side: int, factor: int, grow: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    own, size = (side, side * factor) if grow else (side * factor, side)
    depth = rng.normal(1000, 1, (own, own)).astype(np.float32)
    unknown = rng.random((own, own)) < 0.3
    depth[unknown] = rng.choice([np.nan, np.inf, -np.inf])
    result = match_size(depth, (size, size), what="depth", path="d.png")
    known = ~unknown
    if grow:
        # Bilinear weights of the known ones among the four source pixels around a target pixel.
        weight = _interpolation(own, size) @ known @ _interpolation(own, size).T
        clear = np.abs(weight - 0.5) > 1e-6
        np.testing.assert_array_equal(np.isfinite(result)[clear], (weight > 0.5)[clear])
    else:
        share = known.reshape(size, factor, size, factor).mean(axis=(1, 3))
        clear = np.abs(share - 0.5) > 1e-6
        np.testing.assert_array_equal(np.isfinite(result)[clear], (share > 0.5)[clear])
        sums = np.where(known, depth, 0).astype(float).reshape(size, factor, size, factor)
        mean = sums.sum(axis=(1, 3)) / np.maximum(share * factor**2, 1)
        full = np.isfinite(result)
        np.testing.assert_allclose(result[full], mean[full], rtol=1e-6)
    finite = result[np.isfinite(result)]
    if finite.size:
        # Averages of known values only: no trace of a fill value.
        assert depth[known].min() - 1e-3 <= finite.min()
        assert finite.max() <= depth[known].max() + 1e-3
    assert np.isnan(result[~np.isfinite(result)]).all()


def _interpolation(own: int, size: int) -> np.ndarray:
    """Linear interpolation between pixel centres as a (size, own) matrix."""
    position = np.clip((np.arange(size) + 0.5) * own / size - 0.5, 0, own - 1)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(own)))


def test_one_unknown_pixel_spoils_only_itself() -> None:
    depth = np.full((5, 5), 2, np.float32)
    depth[2, 2] = np.nan
    result = match_size(depth, (20, 20), what="depth", path="d.png")
    unknown = np.isnan(result)
    assert unknown[8:12, 8:12].any()
    unknown[8:12, 8:12] = False
    assert not unknown.any()
    np.testing.assert_allclose(result[~np.isnan(result)], 2, rtol=1e-6)


def test_very_wide_arrays() -> None:
    mask = np.ones((1, 65535), np.float32)
    assert match_size(mask, (131070, 2), what="mask", path="m.png").shape == (2, 131070)
