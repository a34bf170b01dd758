"""Photos: every format against a second decoder or samples known beforehand."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from pictures import encoded, png
from PIL import Image, ImageCms

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.images import image_size, read_image

Save = Callable[..., Path]


def assert_image(path: Path, expected: np.ndarray, white: float) -> None:
    """Compare a file with (H, W, 3) integers."""
    image = read_image(path)
    assert image.dtype == np.float32
    assert image.shape == expected.shape
    np.testing.assert_allclose(image, expected.astype(np.float64) / white, atol=1e-6)
    assert image_size(path) == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpeg_is_decoded_as_by_pillow(save: Save, smooth: np.ndarray, settings: dict) -> None:
    data = encoded(smooth, "JPEG", **settings)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    image = read_image(save(data, "a.jpg"))
    # Two builds of the same library may differ in the last bit of their transforms.
    assert np.abs(image * 255 - expected).max() <= 2.01
    assert np.abs(image * 255 - expected).mean() < 0.1


def test_gray_and_cmyk_jpeg(save: Save, smooth: np.ndarray) -> None:
    gray = encoded(smooth[..., 1], "JPEG")
    image = read_image(save(gray))
    assert (image[..., 0] == image[..., 2]).all()
    assert np.abs(image[..., 0] * 255 - np.asarray(Image.open(io.BytesIO(gray)))).max() <= 2.01

    cmyk = encoded(Image.fromarray(smooth).convert("CMYK"), "JPEG", quality=100)
    assert np.abs(read_image(save(cmyk)) * 255 - smooth).mean() < 3


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("bits", "colour_type", "channels"),
    [(b, 0, 1) for b in (1, 2, 4, 8, 16)]
    + [(b, t, c) for b in (8, 16) for t, c in ((2, 3), (4, 2), (6, 4))],
)
@pytest.mark.parametrize("shape", [(11, 21), (1, 3), (3, 1)])
def test_png_of_every_type(
    save: Save,
    rng: np.random.Generator,
    bits: int,
    colour_type: int,
    channels: int,
    interlaced: bool,
    shape: tuple[int, int],
) -> None:
    samples = rng.integers(0, 2**bits, (*shape, channels))
    data = png(samples, bits, colour_type, interlaced=interlaced)
    colour = samples[..., :3] if channels >= 3 else samples[..., :1].repeat(3, axis=2)
    assert_image(save(data), colour, 2**bits - 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_png_shows_its_colours(save: Save, rng: np.random.Generator, bits: int) -> None:
    colours = rng.integers(0, 256, (2**bits, 3), dtype=np.uint8)
    indices = rng.integers(0, 2**bits, (9, 13, 1))
    data = png(indices, bits, 3, before=[(b"PLTE", colours.tobytes()), (b"tRNS", b"\0\x80")])
    assert_image(save(data), colours[indices[..., 0]], 255)


def test_colour_profile_and_gamma_change_nothing_and_print_nothing(
    save: Save, smooth: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"GRAY"  # libpng reports this on standard error
    data = encoded(smooth, "PNG", icc_profile=bytes(profile))
    assert_image(save(data), smooth, 255)
    assert_image(save(png(smooth, 8, 2, before=[(b"gAMA", b"\0\0\x10\0")])), smooth, 255)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize("compression", [None, "zlib", "tiff_lzw", "packbits", "jpeg"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_8bit_tiff(save: Save, smooth: np.ndarray, compression: str | None, channels: int) -> None:
    if compression == "jpeg" and channels == 4:
        pytest.skip("TIFF knows no JPEG with alpha")
    samples = np.dstack([smooth, smooth[..., :1]])[..., :channels].squeeze()
    name = {"zlib": "tiff_deflate"}.get(compression or "", compression)
    quality = {"quality": 100} if compression == "jpeg" else {}
    data = encoded(samples, "TIFF", compression=name, **quality)
    colour = samples[..., :3] if channels > 1 else np.dstack([samples] * 3)
    if compression == "jpeg":
        assert np.abs(read_image(save(data)) * 255 - colour).mean() < 3
    else:
        assert_image(save(data, "a.tif"), colour, 255)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": 2},
        {"tile": (16, 16)},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"rowsperstrip": 5, "compression": "zlib"},
    ],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16bit_tiff_keeps_its_bits(
    save: Save, rng: np.random.Generator, settings: dict, channels: int
) -> None:
    samples = rng.integers(0, 65536, (37, 53, channels), dtype=np.uint16).squeeze()
    buffer = io.BytesIO()
    photometric = "rgb" if channels > 1 else "minisblack"
    tifffile.imwrite(buffer, samples, photometric=photometric, **settings)
    colour = samples[..., :3] if channels > 1 else np.dstack([samples] * 3)
    assert_image(save(buffer.getvalue(), "a.tiff"), colour, 65535)


def test_16bit_tiff_with_lzw(save: Save, rng: np.random.Generator, tmp_path: Path) -> None:
    samples = rng.integers(0, 65536, (37, 53, 3), dtype=np.uint16)
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), samples[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    assert_image(path, samples, 65535)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_float_tiff_must_lie_within_0_and_1(save: Save, smooth: np.ndarray, dtype: str) -> None:
    samples = (smooth / 255).astype(dtype)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, photometric="rgb")
    assert_image(save(buffer.getvalue()), samples, 1)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples * 2, photometric="rgb")
    with pytest.raises(InputFileError, match="beyond 0 to 1"):
        read_image(save(buffer.getvalue()))


def test_planar_and_palette_and_inverted_tiff(
    save: Save, smooth: np.ndarray, rng: np.random.Generator
) -> None:
    buffer = io.BytesIO()
    planes = np.moveaxis(smooth, 2, 0)
    tifffile.imwrite(buffer, planes, photometric="rgb", planarconfig="separate")
    assert_image(save(buffer.getvalue()), smooth, 255)

    buffer = io.BytesIO()
    planes16 = np.moveaxis(smooth, 2, 0).astype(np.float64) / 255
    tifffile.imwrite(buffer, planes16, photometric="rgb", planarconfig="separate")
    assert_image(save(buffer.getvalue()), smooth, 255)

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, smooth[..., 0], photometric="miniswhite")
    assert_image(save(buffer.getvalue()), np.dstack([255 - smooth[..., 0]] * 3), 255)

    palette = Image.fromarray(smooth).quantize(16)
    assert_image(save(encoded(palette, "TIFF")), np.asarray(palette.convert("RGB")), 255)

    fax = Image.fromarray(rng.integers(0, 2, (16, 24), dtype=np.uint8) * 255).convert("1")
    expected = np.dstack([np.asarray(fax) * 255] * 3)
    assert_image(save(encoded(fax, "TIFF", compression="group4")), expected, 255)


@pytest.mark.parametrize("alpha", [False, True])
def test_webp(save: Save, smooth: np.ndarray, alpha: bool) -> None:
    samples = np.dstack([smooth, smooth[..., :1] | 1]) if alpha else smooth
    lossless = encoded(samples, "WEBP", lossless=True, exact=True)
    assert_image(save(lossless, "a.webp"), smooth, 255)


def test_first_frame_of_an_animation_counts(save: Save, smooth: np.ndarray) -> None:
    frames = {"save_all": True, "append_images": [Image.fromarray(255 - smooth)]}
    webp = encoded(smooth, "WEBP", lossless=True, **frames)
    assert_image(save(webp, "a.webp"), smooth, 255)
    assert_image(save(encoded(smooth, "PNG", **frames), "a.png"), smooth, 255)
    assert_image(save(encoded(smooth, "TIFF", **frames), "a.tif"), smooth, 255)


def test_bmp(save: Save, smooth: np.ndarray) -> None:
    assert_image(save(encoded(smooth, "BMP"), "a.bmp"), smooth, 255)
    palette = Image.fromarray(smooth).quantize(16)
    assert_image(save(encoded(palette, "BMP")), np.asarray(palette.convert("RGB")), 255)
    bits = Image.fromarray(smooth).convert("1")
    assert_image(save(encoded(bits, "BMP")), np.asarray(bits.convert("RGB")), 255)


def test_content_counts_and_not_the_name(save: Save, smooth: np.ndarray) -> None:
    assert_image(save(encoded(smooth, "PNG"), "photo.jpg"), smooth, 255)


def test_text_after_the_pixels_and_unknown_chunks_are_harmless(
    save: Save, smooth: np.ndarray
) -> None:
    data = png(smooth, 8, 2, before=[(b"abCd", b"x")], after=[(b"tEXt", b"key\0value")])
    assert_image(save(data), smooth, 255)
