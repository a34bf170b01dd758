"""Exif orientation: all eight, applied alike to photo, mask, instance map and depth map."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pictures import encoded, png
from PIL import Image, ImageOps

from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import image_size, read_image
from maskdepth_cli.files.masks import read_instance_map, read_mask

Save = Callable[..., Path]
ORIENTATIONS = range(1, 9)
TAG = 0x0112


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[TAG] = orientation
    return block


def turned(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Turn 8-bit samples with Pillow, whose rule is the reference."""
    image = Image.fromarray(samples)
    image.getexif()[TAG] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def tiff(samples: np.ndarray, orientation: int, **settings: object) -> bytes:
    buffer = io.BytesIO()
    tags = [(TAG, "H", 1, orientation, True)]
    photometric = "rgb" if samples.ndim == 3 else "minisblack"
    tifffile.imwrite(buffer, samples, photometric=photometric, extratags=tags, **settings)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_photo_in_every_container(save: Save, smooth: np.ndarray, orientation: int) -> None:
    block = exif(orientation)
    expected = turned(smooth, orientation)
    files = {
        "png": encoded(smooth, "PNG", exif=block),
        "png with Exif at the end": png(smooth, 8, 2, after=[(b"eXIf", block.tobytes()[6:])]),
        "16-bit png": png(smooth.astype(int) * 257, 16, 2, before=[(b"eXIf", block.tobytes()[6:])]),
        "palette png": encoded(Image.fromarray(smooth // 128 * 255).quantize(8), "PNG", exif=block),
        "webp": encoded(smooth, "WEBP", lossless=True, exif=block),
        "tiff": tiff(smooth, orientation),
        "tiff with deflate": tiff(smooth, orientation, compression="zlib"),
        "16-bit tiff": tiff(smooth.astype(np.uint16) * 257, orientation),
        "float tiff": tiff(smooth / 255, orientation),
        "jpeg": encoded(smooth, "JPEG", quality=100, subsampling=0, exif=block),
    }
    for name, data in files.items():
        path = save(data, "photo")
        assert image_size(path) == (expected.shape[1], expected.shape[0]), name
        image = read_image(path)
        reference = turned(smooth // 128 * 255, orientation) if "palette" in name else expected
        assert image.shape == reference.shape, name
        tolerance = 6 if name == "jpeg" else 0.01
        assert np.abs(image * 255 - reference).max() < tolerance, name


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_mask_instances_and_depth_turn_with_the_photo(
    save: Save, rng: np.random.Generator, orientation: int
) -> None:
    values = rng.integers(0, 200, (6, 9), dtype=np.uint8)
    values[0, 0] = 255
    expected = turned(values, orientation)
    for data in (encoded(values, "PNG", exif=exif(orientation)), tiff(values, orientation)):
        path = save(data, "map")
        np.testing.assert_allclose(read_mask(path), expected / 255, atol=1e-6)
        np.testing.assert_array_equal(read_instance_map(path), expected)
        np.testing.assert_array_equal(read_depth(path, "inverse"), expected)
    for dtype in (np.float32, np.float64, np.uint16):
        path = save(tiff(values.astype(dtype), orientation), "map.tif")
        np.testing.assert_array_equal(read_depth(path, "inverse"), expected)
    alpha = np.dstack([values] * 3 + [values])
    path = save(encoded(alpha, "PNG", exif=exif(orientation)), "cutout.png")
    np.testing.assert_allclose(read_mask(path), expected / 255, atol=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pytest lifts the package's own filter
@pytest.mark.parametrize("block", [b"Exif\0\0garbage", b"II*\0\xff\xff\xff\xff", b"\0" * 40])
def test_damaged_exif_leaves_the_photo_as_stored(
    save: Save, smooth: np.ndarray, block: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    for data in (
        encoded(smooth, "PNG", exif=block),
        png(smooth, 8, 2, after=[(b"eXIf", block)]),
        encoded(smooth, "WEBP", lossless=True, exif=block),
    ):
        np.testing.assert_allclose(read_image(save(data)) * 255, smooth, atol=0.01)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_that_do_not_exist_are_ignored(
    save: Save, smooth: np.ndarray, orientation: int
) -> None:
    path = save(encoded(smooth, "PNG", exif=exif(orientation)))
    np.testing.assert_allclose(read_image(path) * 255, smooth, atol=0.01)
    path = save(tiff(smooth, orientation))
    np.testing.assert_allclose(read_image(path) * 255, smooth, atol=0.01)
