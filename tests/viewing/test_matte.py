from __future__ import annotations

import numpy as np
from skimage.color import rgb2xyz

from maskdepth_cli.viewing.matte import (
    background_color,
    clean_plate,
    continued,
    from_linear,
    object_color,
    to_linear,
)


def test_the_plate_has_nothing_of_the_object():
    image = np.full((40, 50, 3), (0, 0.6, 0.2), np.float32)
    mask = np.zeros((40, 50), np.float32)
    mask[10:20, 10:30] = 1
    mask[9, 10:30] = 0.5
    image[mask > 0] = (1, 0, 0)
    image[21, 10:30] = (1, 0, 0)  # the object's edge, beyond the mask
    plate = clean_plate(image, mask)
    np.testing.assert_allclose(
        plate[8:20, 8:32], np.broadcast_to((0, 0.6, 0.2), (12, 24, 3)), atol=1e-5
    )
    np.testing.assert_array_equal(plate[30:], image[30:])
    assert np.isfinite(clean_plate(image, np.ones_like(mask))).all()


def test_object_and_plate_make_the_photo():
    random = np.random.default_rng(0)
    own, plate = random.random((2, 20, 30, 3)).astype(np.float32)
    mask = random.uniform(0.1, 1, (20, 30)).astype(np.float32)
    mask[:5] = 0
    mask[5:10] = 1
    alpha = mask[..., None]
    image = alpha * own + (1 - alpha) * plate
    found = object_color(image, mask, plate)
    np.testing.assert_allclose(found[5:], own[5:], atol=1e-5)
    np.testing.assert_array_equal(found[5:10], image[5:10])


def test_the_object_goes_on_beyond_its_mask():
    own = np.zeros((40, 50, 3), np.float32)
    mask = np.zeros((40, 50), np.float32)
    mask[10:20, 10:30], mask[20, 10:30], mask[21, 10:30] = 1, 0.3, 0.02
    own[mask > 0] = (0.9, 0.4, 0.1)
    own[20, 10:30] = (0, 1, 0)  # solved from mixed pixels: kept
    found = continued(own, mask)
    np.testing.assert_array_equal(found[20, 10:30], own[20, 10:30])
    beyond = np.delete(found, 20, axis=0)
    np.testing.assert_allclose(beyond, np.broadcast_to((0.9, 0.4, 0.1), beyond.shape), atol=1e-5)
    np.testing.assert_array_equal(continued(own, 0.4 * mask), own)


def test_wrong_plates_and_masks_still_make_the_photo():
    image, plate = np.random.default_rng(1).random((2, 20, 30, 3)).astype(np.float32)
    mask = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    own = object_color(image, mask, plate)
    alpha = mask[..., None]
    assert np.abs(alpha * own + (1 - alpha) * plate - image)[10].max() > 0.1
    behind = background_color(image, mask, own, plate)
    assert 0 <= min(own.min(), behind.min()) <= max(own.max(), behind.max()) <= 1
    mixed = mask >= 0.05
    made = alpha * own + (1 - alpha) * behind
    np.testing.assert_allclose(made[mixed], image[mixed], atol=1e-4)
    np.testing.assert_allclose(made[mask > 0], image[mask > 0], atol=0.05)


def test_linear_light():
    values = np.linspace(0, 1, 300, dtype=np.float32).reshape(10, 10, 3)
    np.testing.assert_allclose(from_linear(to_linear(values)), values, atol=1e-6)
    gray = np.repeat(values[..., :1], 3, axis=2)
    # A gray's luminance Y is its linear light.
    np.testing.assert_allclose(to_linear(gray)[..., 0], rgb2xyz(gray)[..., 1], atol=1e-5)
