import numpy as np
import pytest

from maskdepth_cli.methods.baselines import (
    BilateralMedian,
    GuidedFilter,
    LayeredPropagation,
    WeightedMedian,
)

HEIGHT, WIDTH = 40, 60
IMAGE = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
NEAR, FAR = np.float32(0.8), np.float32(0.3)
METHODS = [
    LayeredPropagation(),
    LayeredPropagation("nearest"),
    BilateralMedian(),
    GuidedFilter(),
    WeightedMedian(),
]


def scene():
    """A box, and an initial depth that is wrong by up to two pixels around it."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[10:30, 15:40] = 1
    truth = np.where(mask > 0, NEAR, FAR)
    wrong = truth.copy()
    wrong[8:32, 13:15] = wrong[8:10, 13:42] = NEAR
    wrong[28:30, 15:40] = FAR
    return mask, truth, wrong


@pytest.mark.parametrize("fill", ["telea", "nearest"])
def test_layers_are_completed_from_their_own_side(fill):
    mask, truth, wrong = scene()
    result = LayeredPropagation(fill).refine(IMAGE, wrong, mask)
    np.testing.assert_allclose(result.foreground, NEAR, atol=1e-4)
    np.testing.assert_allclose(result.background, FAR, atol=1e-4)
    np.testing.assert_allclose(result.depth, truth, atol=1e-4)


def test_a_small_kernel_trusts_the_wrong_rim():
    mask, _, wrong = scene()
    result = LayeredPropagation("nearest", kernel=1).refine(IMAGE, wrong, mask)
    np.testing.assert_array_equal(result.depth, wrong)


def test_soft_masks_blend_the_layers():
    mask, _, wrong = scene()
    mask[10:30, 15] = 0.25
    result = LayeredPropagation("nearest", 7).refine(IMAGE, wrong, mask)
    np.testing.assert_allclose(result.depth[15:25, 15], 0.25 * NEAR + 0.75 * FAR, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_empty_and_full_masks_and_constant_maps_change_nothing(method):
    mask, _, wrong = scene()
    for depth, chosen in (
        (wrong, np.zeros_like(mask)),
        (wrong, np.ones_like(mask)),
        (np.full_like(wrong, 3), mask),
        (np.full_like(wrong, np.nan), mask),
    ):
        result = method.refine(IMAGE, depth, chosen)
        np.testing.assert_array_equal(result.depth, depth)
        assert not result.changed.any()


@pytest.mark.parametrize("method", METHODS)
def test_unknown_pixels_stay_unknown_and_spoil_nothing(method):
    mask, _, wrong = scene()
    holes = wrong.copy()
    holes[20:23, 25:28] = np.nan
    holes[0, 0] = np.inf
    result = method.refine(IMAGE, holes, mask)
    np.testing.assert_array_equal(np.isfinite(result.depth), np.isfinite(holes))
    assert not result.changed[0, 0]
    merged = method.refine_instances(IMAGE, holes, [mask])
    np.testing.assert_array_equal(np.isfinite(merged.depth), np.isfinite(holes))


@pytest.mark.parametrize("method", METHODS)
def test_scale_and_shift_pass_through(method):
    mask, _, wrong = scene()
    base = method.refine(IMAGE, wrong, mask).depth
    moved = method.refine(IMAGE, 1000 * wrong - 200, mask).depth
    np.testing.assert_allclose((moved + 200) / 1000, base, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_inputs_are_left_alone_and_changed_is_true(method):
    mask, _, wrong = scene()
    depth = wrong.copy()
    result = method.refine_instances(IMAGE, depth, mask.astype(np.int32))
    np.testing.assert_array_equal(depth, wrong)
    np.testing.assert_array_equal(result.changed, result.depth != wrong)
    assert result.depth.dtype == np.float32


@pytest.mark.parametrize("method", METHODS)
def test_shapes_must_agree(method):
    mask, _, wrong = scene()
    with pytest.raises(ValueError, match="differ"):
        method.refine(IMAGE, wrong, mask[:-1])


def test_instances_are_merged_by_the_largest_change():
    _, _, wrong = scene()
    ids = np.zeros((HEIGHT, WIDTH), np.int32)
    ids[10:30, 15:40] = 4
    ids[:, 45:] = 9
    ids[0, 0] = 1  # below 1% of the pixels: no instance
    method = LayeredPropagation("nearest")
    singles = [
        method.refine(IMAGE, wrong, (ids == number).astype(np.float32)).depth for number in (4, 9)
    ]
    changes = np.abs(np.stack(singles) - wrong)
    expected = np.where(changes[0] >= changes[1], *singles)
    np.testing.assert_array_equal(method.refine_instances(IMAGE, wrong, ids).depth, expected)


def test_bilateral_median_needs_no_instances():
    _, _, wrong = scene()
    wrong = wrong.copy()
    wrong[:, 50] = (NEAR + FAR) / 2
    method = BilateralMedian()
    without = method.refine_instances(IMAGE, wrong, np.zeros((HEIGHT, WIDTH), np.int32))
    assert without.changed.any()
    mask = scene()[0]
    np.testing.assert_array_equal(without.depth, method.refine(IMAGE, wrong, mask).depth)


def test_guided_filter_follows_the_mask_where_the_photo_is_flat():
    mask, truth, wrong = scene()
    result = GuidedFilter(radius=6, epsilon=1e-4).refine(IMAGE, wrong, mask)
    before, after = np.square(wrong - truth).sum(), np.square(result.depth - truth).sum()
    assert after < 0.8 * before
