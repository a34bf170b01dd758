from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.viewing.bokeh import bokeh

SHAPE = (80, 100)
FAR, NEAR = 1.0, 3.0


@pytest.fixture
def scene():
    """A red object with a pattern before a green and blue background without any red."""
    random = np.random.default_rng(0)
    image = np.zeros((*SHAPE, 3), np.float32)
    image[..., 1:] = random.uniform(0.1, 0.9, (*SHAPE, 2))
    mask = np.zeros(SHAPE, np.float32)
    mask[25:55, 30:60] = 1
    red = random.uniform(0.3, 1, SHAPE)
    image[mask == 1] = 0
    image[..., 0][mask == 1] = red[mask == 1]
    foreground = np.full(SHAPE, 3, np.float32)
    background = np.full(SHAPE, 1, np.float32)
    return image, foreground, background, mask


def test_the_object_in_focus_is_untouched_and_nothing_bleeds_into_the_background(scene):
    image, _, _, mask = scene
    result = bokeh(*scene, NEAR, aperture=9)
    inside = mask == 1
    np.testing.assert_allclose(result[inside], image[inside], atol=1e-5)
    assert result[~inside][:, 0].max() < 1e-5  # a plain blur spreads red by nine pixels
    assert result[~inside][:, 1].std() < 0.5 * image[~inside][:, 1].std()


def test_the_background_in_focus_is_untouched_beyond_the_blurred_object(scene):
    image, _, _, mask = scene
    result = bokeh(*scene, FAR, aperture=6)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    distance = np.maximum.reduce([25 - rows, rows - 54, 30 - columns, columns - 59])
    np.testing.assert_allclose(result[distance > 7], image[distance > 7], atol=1e-5)
    assert (result[(distance > 0) & (distance < 3)][:, 0] > 0.02).mean() > 0.8
    # Half of a disc on a straight edge: the object covers half of the light.
    light = ((result[40, 60, 0] + 0.055) / 1.055) ** 2.4
    own = ((image[..., 0] + 0.055) / 1.055) ** 2.4
    assert light == pytest.approx(0.5 * own[mask == 1].mean(), rel=0.2)


def test_a_disc_of_the_asked_radius():
    image = np.zeros((61, 61, 3), np.float32)
    image[30, 30] = 1
    flat = np.zeros((61, 61), np.float32)
    depth = flat.copy()
    depth[0, 0] = 0
    depth[:, 31:] = 1  # gives the scene its range; the bright pixel lies at the far end
    result = bokeh(image, depth, depth, flat, 1, aperture=8)
    lit = result[..., 0] > 0.01
    lit[:, 31:] = False
    assert np.ptp(np.nonzero(lit)[0]) == pytest.approx(16, abs=1)
    assert np.nonzero(lit)[1].min() == pytest.approx(22, abs=1)


def test_two_depths_of_one_layer_do_not_let_the_light_through():
    image = np.full((*SHAPE, 3), 0.5, np.float32)
    depth = np.tile(np.linspace(0, 1, SHAPE[1], dtype=np.float32), (SHAPE[0], 1))
    none = np.zeros(SHAPE, np.float32)
    for focus in (0.0, 0.4, 1.0):
        result = bokeh(image, depth, depth, none, focus, aperture=12)
        np.testing.assert_allclose(result, 0.5, atol=1e-4)


def test_without_an_aperture_the_photo_comes_back(scene):
    image, foreground, background, _ = scene
    soft = np.clip(np.tile(np.linspace(-0.5, 1.5, SHAPE[1]), (SHAPE[0], 1)), 0, 1)
    assert np.abs(bokeh(*scene, NEAR, aperture=0) - image).max() < 1e-5
    result = bokeh(image, foreground, background, soft.astype(np.float32), NEAR, aperture=0)
    opaque = (soft == 0) | (soft == 1)
    assert np.abs(result - image)[opaque].max() < 1e-5


def test_a_background_that_claims_to_be_nearer_stays_behind_the_object(scene):
    image, foreground, background, mask = scene
    result = bokeh(image, foreground, background + 4, mask, NEAR, aperture=3)
    inside = mask == 1
    inner = np.zeros_like(inside)
    inner[30:50, 35:55] = True
    np.testing.assert_allclose(result[inner], image[inner], atol=1e-5)


def test_highlights_grow_and_sharp_ones_do_not(scene):
    image, _, _, mask = scene
    image[10, 10] = 1
    image[40, 45] = 1
    plain = bokeh(*scene, NEAR, aperture=6)
    bright = bokeh(*scene, NEAR, aperture=6, highlights=5)
    assert bright[10, 14].min() > plain[10, 14].min() + 0.02
    np.testing.assert_allclose(bright[mask == 1], plain[mask == 1], atol=1e-5)


def test_unknown_depth_is_far(scene):
    image, foreground, background, mask = scene
    background[:, :20] = np.nan
    background[:, 80:] = np.inf
    result = bokeh(image, foreground, background, mask, NEAR, aperture=6)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(
        result, bokeh(*scene[:2], np.ones_like(mask), mask, NEAR, aperture=6), atol=1e-5
    )


def test_all_of_an_object_can_be_kept_sharp(scene):
    image, foreground, background, mask = scene
    foreground[:, :45] = 1.5
    inside = mask == 1
    lens = bokeh(image, foreground, background, mask, 3, aperture=8)
    portrait = bokeh(image, foreground, background, mask, 3, aperture=8, object_sharp=True)
    assert np.abs(lens - image)[inside].max() > 0.1
    np.testing.assert_allclose(portrait[inside], image[inside], atol=1e-5)
    assert portrait[~inside][:, 1].std() < 0.5 * image[~inside][:, 1].std()
