from __future__ import annotations

import cv2
import numpy as np
import pymatting
import pytest
from skimage.color import rgb2xyz

from maskdepth_cli.viewing.fills import smooth_fill, texture_sources
from maskdepth_cli.viewing.light import from_linear, to_linear
from maskdepth_cli.viewing.matte import LayerColors


def colors_of(image, mask, **more):
    return LayerColors(image, mask).whole(**more)


@pytest.mark.parametrize("textured", [False, True])
def test_the_plate_has_nothing_of_the_object(textured):
    image = np.full((40, 50, 3), (0, 0.6, 0.2), np.float32)
    mask = np.zeros((40, 50), np.float32)
    mask[10:20, 10:30] = 1
    mask[9, 10:30] = 0.5
    image[mask > 0] = (1, 0, 0)
    image[9, 10:30] = (0.5, 0.3, 0.1)
    image[21, 10:30] = (1, 0, 0)  # the object's edge, beyond the mask
    plate = colors_of(image, mask, textured=textured).plate
    np.testing.assert_allclose(
        plate[8:20, 8:32], np.broadcast_to((0, 0.6, 0.2), (12, 24, 3)), atol=0.01
    )
    np.testing.assert_array_equal(plate[30:], image[30:])
    everywhere = colors_of(image, np.ones_like(mask), textured=textured)
    assert np.isfinite(everywhere.plate).all()
    np.testing.assert_array_equal(everywhere.foreground, image)


def test_object_and_background_make_the_photo():
    image = np.random.default_rng(1).random((20, 30, 3)).astype(np.float32)
    mask = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    mask[:3], mask[-3:] = 0, 1
    found = colors_of(image, mask)
    alpha = mask[..., None]
    both = (found.foreground, found.background)
    assert 0 <= min(map(np.min, both)) <= max(map(np.max, both)) <= 1
    made = alpha * found.foreground + (1 - alpha) * found.background
    np.testing.assert_allclose(made[mask > 0.05], image[mask > 0.05], atol=1e-4)
    np.testing.assert_allclose(made, image, atol=0.05)
    np.testing.assert_array_equal(found.foreground[mask == 1], image[mask == 1])
    np.testing.assert_array_equal(found.background[mask == 0], image[mask == 0])


def test_flat_colours_come_back_from_a_soft_mask():
    mask = np.clip(np.tile(np.linspace(-2, 3, 100, dtype=np.float32), (60, 1)), 0, 1)
    own, behind = np.array([0.9, 0.4, 0.1], np.float32), np.array([0.1, 0.3, 0.6], np.float32)
    image = mask[..., None] * own + (1 - mask[..., None]) * behind
    found = colors_of(image, mask)
    np.testing.assert_allclose(found.foreground, np.broadcast_to(own, image.shape), atol=0.02)
    np.testing.assert_allclose(found.clean, np.broadcast_to(behind, image.shape), atol=0.02)


def test_colours_are_no_worse_than_those_of_pymatting():
    """Strands over a pattern, with both colours known; the other method is multi-level."""
    random = np.random.default_rng(4)
    shape = (160, 200)
    strands = cv2.GaussianBlur(random.random(shape).astype(np.float32), (0, 0), 1.2)
    strands = np.clip((strands - 0.5) * 6 + 0.5, 0, 1)
    rows = np.mgrid[: shape[0], : shape[1]][0]
    ramp = np.clip((110 - rows) / 60, 0, 1).astype(np.float32)
    mask = np.where(ramp >= 1, 1, ramp * strands).astype(np.float32)

    def pattern(low, high):
        noise = random.random((*shape, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), 4)
        smooth = (smooth - smooth.min()) / np.ptp(smooth)
        return (low + np.subtract(high, low) * smooth).astype(np.float32)

    own, behind = pattern((0.4, 0.2, 0.1), (0.9, 0.5, 0.3)), pattern((0, 0.2, 0.3), (0.5, 0.7, 1))
    image = mask[..., None] * own + (1 - mask[..., None]) * behind
    found = colors_of(np.rint(image * 255).astype(np.uint8), mask)
    theirs = pymatting.estimate_foreground_ml(
        image.astype(np.float64), mask.astype(np.float64), return_background=True
    )
    mixed = (mask > 0.02) & (mask < 0.98)
    for ours, other, true in zip(
        (found.foreground, found.background), theirs, (own, behind), strict=True
    ):
        error = np.abs(ours - true)[mixed].mean()
        assert error < 0.08
        assert error < 1.1 * np.abs(other - true)[mixed].mean()


def test_nothing_beside_the_object_is_noise():
    random = np.random.default_rng(2)
    image = random.random((60, 80, 3)).astype(np.float32)
    mask = np.zeros((60, 80), np.float32)
    mask[20:40, 20:40], mask[40, 20:40] = 1, 0.3
    image[20:41, 20:40] = (0.9, 0.4, 0.1)
    found = colors_of(image, mask).foreground
    assert np.abs(found[15:45, 15:45] - (0.9, 0.4, 0.1)).max() < 0.25
    assert np.abs(np.diff(found[:15], axis=1)).max() < 0.05  # the photo's own steps are 1


def test_next_to_no_alpha_is_none():
    """A float mask's 1e-7 has no colour of its own: dividing by it would make one of rounding."""
    image = np.full((60, 80, 3), (0.2, 0.5, 0.8), np.float32)
    image += np.random.default_rng(5).uniform(-0.05, 0.05, image.shape).astype(np.float32)
    mask = np.zeros((60, 80), np.float32)
    mask[20:40, 20:40] = 1
    image[20:40, 20:40] = (0.9, 0.4, 0.1)
    clear = colors_of(image, mask)
    faint = colors_of(image, np.maximum(mask, np.float32(1e-7)))
    np.testing.assert_allclose(faint.foreground, clear.foreground, atol=0.02)


def test_parts_are_the_whole(monkeypatch):
    monkeypatch.setattr("maskdepth_cli.viewing.matte._SMALL", 40)
    random = np.random.default_rng(6)
    image = cv2.resize(random.random((9, 12, 3)).astype(np.float32), (120, 90))
    mask = np.clip(np.tile(np.linspace(-1, 2, 120, dtype=np.float32), (90, 1)), 0, 1)
    colors = LayerColors(image, mask)
    whole = colors.whole(textured=True)
    part = (slice(31, 77), slice(25, 90))
    found = colors.part(part, textured=True)
    for name in ("foreground", "background", "clean", "plate"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name)[part], atol=1e-5)


def test_a_smooth_fill_continues_a_gradient():
    rows, columns = np.mgrid[:60, :90].astype(np.float32) / 100
    true = np.dstack([rows, columns, 1 - rows, 0.5 * columns + rows])
    known = np.ones((60, 90), np.float32)
    known[20:35, 30:50] = 0
    values = np.where(known[..., None] > 0, true, 77)
    found = smooth_fill(values.astype(np.float32), known)
    np.testing.assert_allclose(found, true, atol=0.02)
    np.testing.assert_array_equal(found[known > 0], values[known > 0].astype(np.float32))


def test_texture_continues_stripes():
    image = np.zeros((96, 120, 3), np.float32)
    image[:, (np.arange(120) // 6) % 2 == 0] = (0.9, 0.5, 0.2)
    hole = np.zeros((96, 120), np.bool_)
    hole[35:60, 40:75] = True
    holed = np.where(hole[..., None], 0.33, image).astype(np.float32)
    found, places = texture_sources(holed, hole)
    assert np.abs(found - image).mean(axis=2)[hole].mean() < 0.05  # smooth colours: 0.27
    assert not hole[places[..., 0], places[..., 1]].any()
    np.testing.assert_array_equal(found[~hole], image[~hole])
    again, _ = texture_sources(holed, hole)
    np.testing.assert_array_equal(again, found)


def test_texture_comes_from_nowhere_barred():
    image = np.zeros((80, 100, 3), np.float32)
    image[:, :50] = (0.2, 0.6, 0.3)
    hole = np.zeros((80, 100), np.bool_)
    hole[30:50, 40:60] = True
    barred = np.zeros_like(hole)
    barred[:, 50:] = True
    filled, places = texture_sources(image, hole, barred)
    assert (places[hole][:, 1] < 50).all()
    np.testing.assert_allclose(filled[hole], np.broadcast_to((0.2, 0.6, 0.3), (400, 3)), atol=1e-4)


def test_a_pattern_goes_on_from_both_sides():
    """Boards across a hole: what lies beside them, not the mean of all, decides."""
    image = np.zeros((160, 200, 3), np.float32)
    image[(np.arange(160) // 20) % 2 == 0] = (0.8, 0.6, 0.4)
    hole = np.zeros((160, 200), np.bool_)
    hole[40:120, 70:130] = True
    found, _ = texture_sources(np.where(hole[..., None], 0.4, image).astype(np.float32), hole)
    beside = hole & ((np.arange(200) < 85) | (np.arange(200) >= 115))
    assert np.abs(found - image)[beside].mean() < 0.1  # with all patches alike: 0.13


def test_linear_light():
    values = np.linspace(0, 1, 300, dtype=np.float32).reshape(10, 10, 3)
    np.testing.assert_allclose(from_linear(to_linear(values)), values, atol=1e-6)
    gray = np.repeat(values[..., :1], 3, axis=2)
    # A gray's luminance Y is its linear light.
    np.testing.assert_allclose(to_linear(gray)[..., 0], rgb2xyz(gray)[..., 1], atol=1e-5)
