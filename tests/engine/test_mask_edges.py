"""Masks that are off by some pixels, with the embedded weights and the default settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from maskdepth_cli import RefineSettings, load_refiner
from maskdepth_cli.engine.result import RefinedDepth

HEIGHT, WIDTH = 180, 240
NEAR, FAR = 8.0, 3.0


def disc(x: float, y: float = 90, radius: float = 45):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(rows - y, columns - x) < radius


TRUE, OFF = disc(120), disc(123)


def photo(shown):
    """A bright object before a dark, slightly uneven background."""
    noise = np.random.default_rng(0).uniform(-0.02, 0.02, (HEIGHT, WIDTH, 3))
    return (np.where(shown, 0.75, 0.25)[..., None] + noise).astype(np.float32)


def depth_of(shown):
    return np.where(shown, NEAR, FAR).astype(np.float32)


def refine(image, depth, mask, **changes) -> RefinedDepth:
    refiner = load_refiner(device="cpu", precision="fp32", **changes)
    return refiner.refine(image, depth, mask.astype(np.float32))


def wrong(result: RefinedDepth, shown) -> int:
    """Count pixels nearer to the other side's depth than to their own."""
    return int(((result.depth > (NEAR + FAR) / 2) != shown).sum())


def test_a_right_depth_survives_a_mask_that_is_off():
    image, depth = photo(TRUE), depth_of(TRUE)
    kept, followed = (
        refine(image, depth, OFF, **changes) for changes in ({}, {"mask_edges": "exact"})
    )
    slivers = int((TRUE != OFF).sum())
    assert wrong(kept, TRUE) < 0.03 * slivers
    assert wrong(followed, TRUE) > 0.9 * slivers
    assert kept.own_edges
    assert not followed.own_edges


def test_mask_and_layers_follow_the_depths_own_edge():
    kept = refine(photo(TRUE), depth_of(TRUE), OFF)
    off = int((TRUE != OFF).sum())
    assert int(((kept.mask > 0.5) != TRUE).sum()) < 0.05 * off
    composite = kept.mask * kept.foreground + (1 - kept.mask) * kept.background
    assert np.abs(composite - kept.depth).max() < 0.02 * (NEAR - FAR)
    assert np.abs(kept.foreground[TRUE | OFF] - NEAR).max() < 0.1 * (NEAR - FAR)


def test_the_photo_decides_whose_edge_is_right():
    """The same depth and mask; the photo shows the object where the mask has it."""
    image, depth = photo(OFF), depth_of(TRUE)
    default = refine(image, depth, OFF)
    exact = refine(image, depth, OFF, mask_edges="exact")
    assert not default.own_edges
    for name in ("depth", "foreground", "background", "mask"):
        np.testing.assert_array_equal(getattr(default, name), getattr(exact, name))
    approximate = refine(image, depth, OFF, mask_edges="approximate")
    np.testing.assert_allclose(approximate.depth, depth, atol=0.05 * (NEAR - FAR))


@pytest.mark.parametrize("how", ["auto", "approximate"])
def test_what_the_depth_filled_whole_is_no_wrong_edge(how):
    """A hole 6 pixels wide in the mask and in the photo, filled in the depth."""
    hole = disc(120, radius=3.5)
    shown = TRUE & ~hole
    result = refine(photo(shown), depth_of(TRUE), shown, mask_edges=how)
    inside = ndimage.binary_erosion(hole)
    assert (result.depth[inside] < (NEAR + FAR) / 2).all()


@pytest.mark.parametrize("how", ["auto", "approximate"])
def test_what_the_depth_lost_whole_is_no_wrong_edge(how):
    """A bar 5 pixels wide that the depth does not show."""
    bar = np.zeros_like(TRUE)
    bar[88:93, 160:225] = True
    shown = TRUE | bar
    result = refine(photo(shown), depth_of(TRUE), shown, mask_edges=how)
    assert (result.depth[90, 168:222] > (NEAR + FAR) / 2).all()


def test_edges_far_apart_are_not_taken_for_one():
    """Beyond 4 pixels of working size a mask is followed: it says what the depth does not."""
    far = disc(120, radius=57)
    assert not refine(photo(TRUE), depth_of(TRUE), far, mask_edges="approximate").own_edges


def test_a_soft_edge_is_not_kept_against_a_sharp_photo():
    blurred = ndimage.gaussian_filter(depth_of(OFF), 2.5).astype(np.float32)
    result = refine(photo(TRUE), blurred, TRUE)
    assert not result.own_edges
    assert wrong(result, TRUE) == 0


@pytest.mark.parametrize("unit", [1e-3, 2e4])
def test_units_do_not_matter(unit):
    image, depth = photo(TRUE), depth_of(TRUE)
    result, scaled = refine(image, depth, OFF), refine(image, unit * depth - 5 * unit, OFF)
    np.testing.assert_allclose(scaled.depth / unit + 5, result.depth, atol=1e-3 * (NEAR - FAR))


def test_larger_photos_have_crisp_edges_too():
    """At four times the working size the mask that comes out is as sharp as one pixel or two."""
    big = [np.kron(a, np.ones((4, 4), bool)) for a in (TRUE, OFF)]
    image = np.where(big[0], 0.75, 0.25)[..., None].repeat(3, axis=2).astype(np.float32)
    depth = np.where(big[0], NEAR, FAR).astype(np.float32)
    result = refine(image, depth, big[1], working_size=240)
    assert result.own_edges
    assert wrong(result, big[0]) < 0.1 * (big[0] != big[1]).sum()
    row = result.mask[360]
    assert ((row > 0.1) & (row < 0.9)).sum() <= 6


def test_instances_and_panoramas_tell_of_it_too():
    image, depth = photo(TRUE), depth_of(TRUE)
    refiner = load_refiner(device="cpu", precision="fp32")
    several = refiner.refine_instances(image, depth, OFF.astype(np.int32))
    assert several.own_edges
    assert wrong(several, TRUE) < 0.03 * (TRUE != OFF).sum()
    panorama = refine(image, depth, OFF, wrap=True)
    assert panorama.own_edges
    assert int(((panorama.mask > 0.5) != TRUE).sum()) < 0.05 * (TRUE != OFF).sum()


def test_a_photo_that_shows_neither_edge_leaves_the_masks():
    assert not refine(np.full((HEIGHT, WIDTH, 3), 0.5, np.float32), depth_of(TRUE), OFF).own_edges


def test_the_papers_plain_output_follows_the_mask():
    plain = refine(photo(TRUE), depth_of(TRUE), OFF, keep="none", mask_edges="approximate")
    assert not plain.own_edges


def test_the_default_is_to_decide():
    assert RefineSettings().mask_edges == "auto"


def test_all_frames_of_a_clip_are_decided_alike():
    """Of ten frames one's photo shows the object where the mask has it; the others outvote it."""
    refiner = load_refiner(temporal=True, device="cpu", precision="fp32", whole_range=(0.0, 10.0))
    depth, mask = depth_of(TRUE), OFF.astype(np.float32)
    photos = [photo(TRUE)] * 8 + [photo(OFF), photo(TRUE)]
    assert [refiner.refine(one, depth, mask).own_edges for one in photos] == [True] * 10
    refiner.start()
    assert not refiner.refine(photo(OFF), depth, mask).own_edges


def test_no_depth_leaves_the_given_mask():
    """Where nothing was measured there is no edge: the mask's stands, and the depth is unknown."""
    depth, unknown = depth_of(TRUE), np.zeros_like(TRUE)
    unknown[60:120, 160:176] = True  # across the mask's right edge and that of the depth
    depth[unknown] = np.nan
    result = refine(photo(TRUE), depth, OFF)
    assert result.own_edges
    np.testing.assert_array_equal(result.mask[unknown], OFF[unknown].astype(np.float32))
    assert np.isnan(result.depth[unknown]).all()


def test_masks_of_panoramas_belong_to_their_depth_at_the_ends():
    """An object across the ends: the depth is the layers' composite there as everywhere."""
    true, off = (np.roll(a, WIDTH // 2, axis=1) for a in (TRUE, OFF))
    result = refine(photo(true), depth_of(true), off, wrap=True)
    assert result.own_edges
    composite = result.mask * result.foreground + (1 - result.mask) * result.background
    assert np.abs(composite - result.depth).max() < 2e-3 * (NEAR - FAR)


@pytest.mark.parametrize("band", [0.01, 0.05])
def test_layers_give_the_depth_where_the_keep_band_ends(band):
    """Soft maps beside a mask that is off: a narrow band fades out within mixed pixels."""
    uneven = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=TRUE.shape), 3)
    depth = ndimage.gaussian_filter(depth_of(TRUE), 1) + 2 * uneven.astype(np.float32)
    result = refine(photo(TRUE), depth, OFF, mask_edges="approximate", keep_dilation=band)
    assert result.own_edges
    composite = result.mask * result.foreground + (1 - result.mask) * result.background
    assert np.abs(composite - result.depth).max() < 1e-4 * (NEAR - FAR)


@pytest.mark.parametrize("seed", range(8))
def test_faint_noise_decides_nothing(seed):
    """One level of 255 up or down on plain gray: no edge of either."""
    noise = np.random.default_rng(seed).integers(-1, 2, (HEIGHT, WIDTH, 3))
    image = (128 + noise).astype(np.uint8)
    assert not refine(image, depth_of(TRUE), OFF).own_edges


def clip_refiner(**changes):
    settings = {"device": "cpu", "precision": "fp32", "whole_range": (0.0, 10.0)} | changes
    return load_refiner(temporal=True, **settings)


def other_scene(seed):
    """A photo that shows nothing of the disc, so that the clip is cut there."""
    noise = np.random.default_rng(seed).uniform(0, 1, (HEIGHT // 12, WIDTH // 12, 3))
    return np.kron(noise, np.ones((12, 12, 1))).astype(np.float32)


def test_frames_together_are_decided_as_one_by_one_across_a_cut():
    depth, mask = depth_of(TRUE), OFF.astype(np.float32)
    frames = [(photo(TRUE), depth, mask)] * 3 + [(other_scene(3), depth, mask)]
    frames += [(photo(OFF), depth, mask)] * 2
    one_by_one, together = clip_refiner(), clip_refiner()
    expected = [one_by_one.refine(*frame) for frame in frames]
    assert one_by_one.cuts >= 1
    assert [one.own_edges for one in expected[:3]] == [True] * 3
    assert not expected[-1].own_edges
    for own, other in zip(expected, together.refine_many(frames), strict=True):
        assert own.own_edges == other.own_edges
        np.testing.assert_array_equal(own.depth, other.depth)


def test_several_masks_in_a_clip_are_decided_frame_by_frame():
    """One mask is right, the other off: each is what it is in a photo, with layers and without."""
    left, right, right_off = disc(60, radius=40), disc(180, radius=40), disc(183, radius=40)
    image, depth = photo(left | right), depth_of(left | right)
    masks = [left.astype(np.float32), right_off.astype(np.float32)]
    for given in (masks, masks[1:]):
        alone = load_refiner(device="cpu", precision="fp32").refine_instances(image, depth, given)
        clip = clip_refiner(whole_range=None)
        for layers in (False, True):
            clip.settings = replace(clip.settings, layers=layers)
            result = clip.refine_instances(image, depth, given)
            np.testing.assert_array_equal(result.depth, alone.depth)
            np.testing.assert_array_equal(result.mask, alone.mask)


def test_votes_end_with_the_scale_and_after_eight_frames():
    depth, mask = depth_of(TRUE), OFF.astype(np.float32)
    refiner = clip_refiner(whole_range=None)
    assert refiner.refine(photo(TRUE), depth, mask).own_edges
    assert not refiner.refine(photo(OFF), 2 * depth, mask).own_edges
    long, resumed = clip_refiner(), clip_refiner()
    for _ in range(20):
        assert long.refine(photo(TRUE), depth, mask).own_edges
    told = [long.refine(photo(OFF), depth, mask).own_edges for _ in range(8)]
    assert told[0]
    assert not told[-1]
    for _ in range(8):
        resumed.refine(photo(TRUE), depth, mask)
    assert [resumed.refine(photo(OFF), depth, mask).own_edges for _ in range(8)] == told
