from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from maskdepth_cli.viewing import bokeh as room

SHAPE = (80, 100)
FAR, NEAR = 1.0, 3.0


def bokeh(image, foreground, background, mask, focus, **lens):
    return room.bokeh(image, foreground, background, mask, room.Lens(focus, **lens))


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


def disc(radius, shape, at):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(rows - at[0], columns - at[1]) <= radius


def linear(values):
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def spread(image, radius):
    """The blur of a disc by brute force, in linear light; sub-pixels make its rim."""
    reach, fine = int(np.ceil(radius)) + 1, 9
    places = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = np.hypot(places[:, None], places) <= radius
    weights = inside.reshape(2 * reach + 1, fine, -1, fine).mean(axis=(1, 3))
    weights /= weights.sum()
    channels = [ndimage.convolve(linear(image[..., i]), weights, mode="nearest") for i in range(3)]
    return encoded(np.stack(channels, axis=2))


@pytest.mark.parametrize("radius", [5, 9, 14, 30])
def test_behind_a_disc_lies_the_blurred_true_background(radius):
    shape = (220, 260)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    ramp = columns[..., None] / 800 * (1, 0.7, -0.5) + rows[..., None] / 1000 * (1, -0.5, 0.3)
    behind = (ramp + 0.4).astype(np.float32)
    inside = disc(40, shape, (110, 120))
    image = np.where(inside[..., None], (0.9, 0.05, 0.1), behind).astype(np.float32)
    near, far = np.full(shape, 2, np.float32), np.zeros(shape, np.float32)
    result = bokeh(image, near, far, inside.astype(np.float32), 2, aperture=radius)
    outside = ~disc(42, shape, (110, 120))
    assert np.abs(result - spread(behind, radius))[outside].max() < 1 / 255
    np.testing.assert_array_equal(result[inside], image[inside])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_what_is_in_focus_is_the_photo_bit_for_bit(kind):
    white = 1 if kind is np.float32 else np.iinfo(kind).max
    random = np.random.default_rng(3)
    image = (random.random((90, 120, 3)) * white).astype(kind)
    mask = np.clip(np.tile(np.linspace(-1, 2, 120, dtype=np.float32), (90, 1)), 0, 1)
    near = np.full((90, 120), 2, np.float32)
    far = np.where(np.arange(90)[:, None] < 45, 1.9, 0) + np.zeros_like(near)
    result = bokeh(image, near, far.astype(np.float32), mask, (1.8, 2), aperture=6)
    assert result.dtype == kind
    np.testing.assert_array_equal(result[:38], image[:38])  # soft pixels of the mask among them
    np.testing.assert_array_equal(result[mask == 1], image[mask == 1])
    assert (result[60:, :30] != image[60:, :30]).mean() > 0.9


@pytest.mark.parametrize("blades", [0, 5, 6])
@pytest.mark.parametrize("radius", [3, 8, 21, 60])
def test_light_is_neither_lost_nor_made(radius, blades):
    shape = (300, 320)
    image = np.zeros((*shape, 3), np.float32)
    image[140:150, 150:158] = 1
    depth = np.zeros(shape, np.float32)
    depth[0, 0] = 1
    none = np.zeros(shape, np.float32)
    result = bokeh(image, depth, depth * 0, none + 0, 1, aperture=radius, blades=blades)
    assert linear(result.astype(np.float64)).sum() == pytest.approx(3 * 80, rel=0.01)
    rows, columns, _ = np.nonzero(result > 0.02)
    assert rows.mean() == pytest.approx(144.5, abs=0.6)
    assert columns.mean() == pytest.approx(153.5, abs=0.6)


def test_blades_make_a_polygon_upside_down_before_the_focus():
    image = np.zeros((101, 101, 3), np.float32)
    image[50, 50] = 1
    flat = np.zeros((101, 101), np.float32)
    far, near = flat.copy(), flat + 1
    far[0, 0] = 1
    near[0, 0] = 0
    behind = bokeh(image, far, far, flat, 1, aperture=20, blades=5)[..., 0]
    before = bokeh(image, near, near, flat, 0, aperture=20, blades=5)[..., 0]
    size = np.pi * 20**2
    assert (behind[5:, 5:] > behind.max() / 2).sum() == pytest.approx(size, rel=0.05)
    tip = np.nonzero(behind[5:, 50] > behind.max() / 2)[0] + 5
    assert 50 - tip.min() > tip.max() - 50 + 1  # a corner above, a side below
    np.testing.assert_allclose(before[10:91, 10:91], behind[90:9:-1, 90:9:-1], atol=0.02)


def test_tiles_leave_no_seams(monkeypatch):
    random = np.random.default_rng(5)
    image = random.random((300, 330, 3)).astype(np.float32)
    mask = disc(90, (300, 330), (140, 170)).astype(np.float32)
    near = np.full((300, 330), 2, np.float32)
    far = np.tile(np.linspace(0, 2.5, 330, dtype=np.float32), (300, 1))
    whole = bokeh(image, near, far, mask, 1.0, aperture=40)
    monkeypatch.setattr(room, "_TILE", 128)
    np.testing.assert_allclose(bokeh(image, near, far, mask, 1.0, aperture=40), whole, atol=2e-3)


def test_a_haze_in_the_mask_changes_what_is_blurred_only_a_little():
    """A fifth of alpha over wide background: no patch, no grain of what should be blurred."""
    random = np.random.default_rng(8)
    shape = (160, 200)
    behind = random.uniform(0.2, 0.8, (*shape, 3)).astype(np.float32)
    inside = disc(30, shape, (80, 70))
    image = np.where(inside[..., None], (0.9, 0.1, 0.1), behind).astype(np.float32)
    near, far = np.full(shape, 2, np.float32), np.zeros(shape, np.float32)
    clear = inside.astype(np.float32)
    haze = np.maximum(clear, 0.2 * np.clip(1.5 - np.hypot(*np.mgrid[-80:80, -70:130]) / 80, 0, 1))
    right = bokeh(image, near, far, clear, 2, aperture=8)
    hazy = bokeh(image, near, far, haze.astype(np.float32), 2, aperture=8)
    away = ~disc(36, shape, (80, 70))
    assert np.abs(hazy - right)[away].mean() < 3 / 255
    assert hazy[away].std(axis=0).max() < right[away].std(axis=0).max() + 0.01
    np.testing.assert_array_equal(hazy[inside], image[inside])
