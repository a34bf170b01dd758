from __future__ import annotations

import numpy as np
from skimage.color import rgb2xyz

from maskdepth_cli.viewing.matte import clean_plate, from_linear, object_color, to_linear


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


def test_linear_light():
    values = np.linspace(0, 1, 300, dtype=np.float32).reshape(10, 10, 3)
    np.testing.assert_allclose(from_linear(to_linear(values)), values, atol=1e-6)
    gray = np.repeat(values[..., :1], 3, axis=2)
    # A gray's luminance Y is its linear light.
    np.testing.assert_allclose(to_linear(gray)[..., 0], rgb2xyz(gray)[..., 1], atol=1e-5)
