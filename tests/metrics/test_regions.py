import math

import numpy as np
import pytest
from scipy import ndimage

from maskdepth_cli.metrics.regions import RegionTruth, mask_regions
from maskdepth_cli.metrics.scores import GroundTruth, parse_settings

HEIGHT, WIDTH = 96, 128  # small enough that OpenCV's approximate distances order as exact ones
ALL = np.ones((HEIGHT, WIDTH), bool)


def half_plane(edge=60):
    return np.repeat(np.arange(WIDTH)[None] >= edge, HEIGHT, axis=0).astype(np.float32)


def by_scipy(mask, band=0.03):
    """The same regions, by the words of their definitions."""
    hard, square = mask > 0.5, np.ones((5, 5))
    outline = ndimage.binary_dilation(hard, square) & ~ndimage.binary_erosion(
        hard, square, border_value=1
    )
    near = ndimage.distance_transform_edt(~outline) < band * WIDTH
    labels, count = ndimage.label(~hard)
    rim = np.ones(mask.shape, bool)
    rim[1:-1, 1:-1] = False
    holes = np.isin(labels, [i for i in range(1, count + 1) if not (rim & (labels == i)).any()])
    hair = ndimage.binary_dilation((mask > 0.05) & (mask < 0.95), np.ones((7, 7)))
    return holes, hair, near, near & ~holes & ~hair


def person():
    """A blob with holes of its own, a gap that is open to the frame, and a soft border."""
    rng = np.random.default_rng(3)
    noise = ndimage.gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), 4)
    noise /= noise.std()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    blob = 3 - np.hypot((y - 60) / 20, (x - 64) / 20) + noise
    soft = np.clip(0.5 + 2 * blob, 0, 1)
    soft[:, :64] = soft[:, :64] > 0.5
    soft[58:72, 40:50] = 0
    return soft.astype(np.float32)


# Where


def test_a_straight_edge_is_all_rest():
    regions = mask_regions(half_plane())
    # Squares of 5 see both sides at 58..61; nearer than 3% of 128 = 3.84 px are 3 columns more.
    assert np.flatnonzero(regions.band[40]).tolist() == list(range(55, 65))
    np.testing.assert_array_equal(regions.rest, regions.band)
    assert not regions.holes.any()
    assert not regions.hair.any()


def test_holes_are_enclosed_background_of_more_than_30_pixels():
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[10:60, 10:100] = 1
    mask[20:26, 20:26] = 0.5  # 36 pixels, not above one half
    mask[26:30, 26:30] = 0  # touches the other by a corner: a hole of its own
    mask[40:60, 50:60] = 0  # open below
    expected = np.zeros(mask.shape, bool)
    expected[20:26, 20:26] = expected[26:30, 26:30] = True
    np.testing.assert_array_equal(mask_regions(mask).holes, expected)
    np.testing.assert_array_equal(mask_regions(mask, hole=52).holes, expected & False)
    mask[20:26, 20:26] = 1
    small = mask_regions(mask)
    assert not small.holes.any()  # 16 pixels
    assert not small.rest[26:30, 26:30].any()
    assert small.rest[25, 25]


def test_hair_is_within_three_pixels_of_soft_ones():
    mask = half_plane()
    mask[40, 20], mask[70, 30], mask[70, 31] = 0.3, 0.05, 0.96
    expected = np.zeros(mask.shape, bool)
    expected[37:44, 17:24] = True
    np.testing.assert_array_equal(mask_regions(mask).hair, expected)
    np.testing.assert_array_equal(mask_regions(mask, hair=1).hair, mask == np.float32(0.3))


@pytest.mark.parametrize("mask", [np.zeros((40, 50)), np.ones((40, 50))])
def test_empty_and_full_masks_have_no_region(mask):
    regions = mask_regions(mask.astype(np.float32))
    for part in (regions.holes, regions.hair, regions.band, regions.rest):
        assert not part.any()


def test_regions_agree_with_scipy():
    mask = person()
    found, expected = mask_regions(mask), by_scipy(mask)
    assert expected[0].sum() > 100
    assert expected[1].sum() > 300
    for part, other in zip(
        (found.holes, found.hair, found.band, found.rest), expected, strict=True
    ):
        np.testing.assert_array_equal(part, other)


# How much


def test_errors_of_known_size():
    mask = half_plane()
    mask[20:40, 80:100] = 0
    mask[70, 20] = 0.3
    holes, hair, near, rest = by_scipy(mask)
    truth = np.zeros(mask.shape)
    map_ = np.select([holes, hair, rest], [0.3, -0.2, 0.1], 9.0)
    layers = np.where(mask < 0.05, 0.4, 9.0), np.where(mask > 0.95, 0.2, 9.0)
    scored = RegionTruth(truth, [mask], (truth, truth))
    errors = scored.errors(map_, layers)
    assert near.any()
    assert (errors.holes, errors.hair, errors.rest, errors.hidden) == pytest.approx(
        (0.3, 0.2, 0.1, 0.3)
    )
    assert math.isnan(scored.errors(map_).hidden)
    assert math.isnan(RegionTruth(truth, [mask], None).errors(map_, layers).hidden)


def test_unknown_pixels_do_not_count():
    mask = half_plane()
    truth = np.zeros(mask.shape)
    truth[:50] = np.nan
    map_ = np.full(mask.shape, 0.25)
    map_[:, 60] = np.inf
    errors = RegionTruth(truth, [mask], None).errors(map_)
    assert errors.rest == pytest.approx(0.25)
    assert math.isnan(errors.holes)


def test_several_masks_are_averaged_and_share_their_layers():
    left, right = 1 - half_plane(40), half_plane(90)
    error = np.where(np.arange(WIDTH) < 65, 0.1, 0.5) + np.zeros((HEIGHT, 1))
    front = np.where((left < 0.5) & (right < 0.5), 0.3, 9.0)  # where neither mask is
    back = np.where((left > 0.5) | (right > 0.5), 0.1, 9.0)
    zero = np.zeros(error.shape)
    errors = RegionTruth(zero, [left, right], (zero, zero)).errors(error, (front, back))
    assert errors.rest == pytest.approx((0.1 + 0.5) / 2)
    assert errors.hidden == pytest.approx((0.3 + 0.1) / 2)


def test_scores_align_every_map_by_the_fit_of_the_initial_one():
    mask, rng = person(), np.random.default_rng(0)
    front, back = 900 + rng.random((HEIGHT, WIDTH)) * 50, 100 + rng.random((HEIGHT, WIDTH)) * 300
    truth = mask * front + (1 - mask) * back
    initial = ndimage.gaussian_filter(truth, 2) * 0.01 - 4
    refined = (0.8 * initial + 0.2 * (0.01 * truth - 4)) + 0.05 * rng.random(truth.shape)
    layers = [0.01 * layer - 4 + rng.normal(0, 0.3, truth.shape) for layer in (front, back)]
    scores = GroundTruth(truth, ALL, [mask > 0.5], mattes=[mask], layers=(front, back)).score(
        refined, initial, (layers[0], layers[1])
    )

    low, high = truth.min(), truth.max()
    unit = [(values - low) / (high - low) for values in (truth, front, back)]
    design = np.stack([initial.ravel(), np.ones(initial.size)], 1)
    scale, shift = np.linalg.lstsq(design, unit[0].ravel(), rcond=None)[0]
    holes, hair, near, rest = by_scipy(mask)
    error = np.abs(scale * refined + shift - unit[0])
    hidden = [
        np.abs(scale * layer + shift - true)[near & place].mean()
        for layer, true, place in zip(layers, unit[1:], (mask < 0.05, mask > 0.95), strict=True)
    ]
    expected = (error[holes].mean(), error[hair].mean(), error[rest].mean(), np.mean(hidden))
    assert (scores.holes, scores.hair, scores.rest, scores.hidden) == pytest.approx(expected)


def test_sizes_are_settings():
    chosen = parse_settings(["region_band=0.1", "hair_width=9", "hole_pixels=2000"])
    mask, truth = person(), np.random.default_rng(0).random((HEIGHT, WIDTH))
    map_ = np.random.default_rng(1).random((HEIGHT, WIDTH))
    plain, other = (
        GroundTruth(truth, ALL, [], settings, [mask]).score(map_)
        for settings in (parse_settings([]), chosen)
    )
    assert not math.isnan(plain.holes)
    assert math.isnan(other.holes)
    assert plain.hair != other.hair
    assert plain.rest != other.rest
