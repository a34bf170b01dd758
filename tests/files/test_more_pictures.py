"""Netpbm, HEIC, AVIF, TIFFs of Photoshop and camera raw: values as their formats define them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import image_size, read_image
from maskdepth_cli.files.masks import read_instance_map, read_mask
from maskdepth_cli.pairing.finding import find_inputs

Save = Callable[..., Path]


def test_netpbm_byte_by_byte(save: Save) -> None:
    gray = save(b"P5 # made by hand\n3 2\n# another remark\n255\n" + bytes([0, 51, 255, 1, 2, 3]))
    np.testing.assert_array_equal(
        read_image(gray)[..., 1], np.float32([[0, 51, 255], [1, 2, 3]]) / np.float32(255)
    )
    assert image_size(gray) == (3, 2)
    colour = save(b"P6\n1 2\n255\n" + bytes([255, 0, 0, 0, 0, 255]), "c.ppm")
    np.testing.assert_array_equal(read_image(colour), [[[1, 0, 0]], [[0, 0, 1]]])
    deep = save(b"P5\n2 1\n65535\n" + struct.pack(">2H", 40_000, 7), "d.pgm")
    np.testing.assert_array_equal(read_depth(deep, "inverse"), [[40_000, 7]])
    bits = save(b"P4\n10 2\n" + bytes([0b10000000, 0b01000000, 0, 0]), "b.pbm")
    expected = np.ones((2, 10))
    expected[0, [0, 9]] = 0  # 1 is black
    np.testing.assert_array_equal(read_mask(bits), expected)


def test_white_of_netpbm_is_what_the_header_says(save: Save) -> None:
    data = b"P5\n2 2\n1000\n" + struct.pack(">4H", 0, 1, 500, 1000)
    path = save(data, "twelve.pgm")
    np.testing.assert_array_equal(read_depth(path, "inverse"), [[0, 1], [500, 1000]])
    np.testing.assert_array_equal(read_instance_map(path), [[0, 1], [500, 1000]])
    np.testing.assert_allclose(read_mask(path), [[0, 0.001], [0.5, 1]], atol=1e-7)
    np.testing.assert_allclose(read_image(path)[..., 0], [[0, 0.001], [0.5, 1]], atol=1e-7)


def test_netpbm_as_text(save: Save) -> None:
    gray = save(b"P2\n3 1\n15\n0 # black\n5 15\n", "t.pgm")
    np.testing.assert_allclose(read_mask(gray), [[0, 1 / 3, 1]], atol=1e-7)
    colour = save(b"P3 1 1 255 255 0 51", "t.ppm")
    np.testing.assert_allclose(read_image(colour), [[[1, 0, 0.2]]], atol=1e-7)
    np.testing.assert_array_equal(read_mask(save(b"P1\n4 1\n01 10\n", "t.pbm")), [[1, 0, 0, 1]])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"P5\n3 2\n255\n" + bytes(5), "truncated"),
        (b"P2\n3 2\n255\n1 2 3 4 5\n", "truncated"),
        (b"P5\n1 1\n100\n\xff", "above its white"),
        (b"P5\n1 1\n70000\n\xff", "white of 70000"),
        (b"P5\n100000 100000\n255\n" + bytes(64), "megapixels"),
        (b"P5\n0 1\n255\n", "no pixels"),
        (b"P2\n1 1\n255\n-1\n", "damaged"),
        (b"P5\n" + b"9" * 64 + b" 1\n255\n", "malformed"),
    ],
)
def test_hostile_netpbm(save: Save, data: bytes, words: str) -> None:
    with pytest.raises(InputFileError, match=words):
        read_image(save(data, "bad.pgm"))


def heic(samples: np.ndarray, mode: str, **settings: object) -> bytes:
    height, width = samples.shape[:2]
    stream = io.BytesIO()
    picture = pillow_heif.from_bytes(mode, (width, height), samples.tobytes())
    picture.save(stream, quality=-1, chroma=444, matrix_coefficients=0, **settings)
    return stream.getvalue()


def test_heic_is_read_as_it_was_stored(save: Save, smooth: np.ndarray) -> None:
    path = save(heic(smooth, "RGB"), "lies.jpg")
    assert image_size(path) == (53, 37)
    np.testing.assert_allclose(read_image(path) * 255, smooth, atol=1)


def test_heic_of_10_bits_has_its_own_white(save: Save) -> None:
    codes = np.arange(64 * 64).reshape(64, 64) % 1024
    samples = np.repeat((codes << 6).astype(np.uint16)[..., None], 3, 2)
    path = save(heic(samples, "RGB;16"), "ten.heic")
    np.testing.assert_allclose(read_image(path)[..., 0] * 1023, codes, atol=1)
    assert read_image(path).max() == 1


def test_heic_turns_once(save: Save) -> None:
    """The container holds the turn; the Exif block repeats it and must not turn it again."""
    samples = np.zeros((40, 60, 3), np.uint8)
    samples[:20, :30] = [200, 30, 40]
    stream = io.BytesIO()
    image = Image.fromarray(samples)
    exif = image.getexif()
    exif[0x0112] = 6
    picture = pillow_heif.from_pillow(image)
    picture.save(stream, quality=95, exif=exif.tobytes())
    seen = read_image(save(stream.getvalue(), "turned.heic"))
    upright = pillow_heif.open_heif(io.BytesIO(stream.getvalue()))
    np.testing.assert_allclose(seen, np.asarray(upright) / np.float32(255), atol=1e-6)
    assert seen.shape[:2] == image_size(save(stream.getvalue(), "turned.heic"))[::-1]


def test_alpha_of_a_heic_is_a_mask(save: Save) -> None:
    alpha = np.zeros((64, 64), np.uint8)
    alpha[16:48, 8:40] = 255
    rgba = np.dstack([np.full((64, 64, 3), 90, np.uint8), alpha])
    np.testing.assert_allclose(read_mask(save(heic(rgba, "RGBA"), "cut.heic")), alpha / 255)


def test_hostile_heic(save: Save, smooth: np.ndarray) -> None:
    data = heic(smooth, "RGB")
    for cut in (12, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(InputFileError):
            read_image(save(data[:cut], "cut.heic"))
    huge = bytearray(data)
    at = -1
    while (at := huge.find(b"ispe", at + 1)) >= 0:
        struct.pack_into(">II", huge, at + 8, 60_000, 60_000)
    with pytest.raises(InputFileError):
        read_image(save(bytes(huge), "huge.heic"))
    with pytest.raises(InputFileError):
        read_image(save(b"\0\0\0\x18ftypheic" + bytes(200), "empty.heic"))


def test_heic_without_its_library(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskdepth_cli.files.heif.find_spec", lambda name: None)
    path = save(heic(np.zeros((64, 64, 3), np.uint8), "RGB"), "a.heic")
    with pytest.raises(InputFileError, match=r"pip install 'maskdepth\[heif\]'"):
        read_image(path)


def test_avif(save: Save, smooth: np.ndarray) -> None:
    stream = io.BytesIO()
    image = Image.fromarray(smooth)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(stream, "AVIF", quality=100, subsampling="4:4:4", exif=exif)
    path = save(stream.getvalue(), "a.avif")
    assert image_size(path) == (37, 53)
    np.testing.assert_allclose(read_image(path) * 255, np.rot90(smooth, -1), atol=6)
    with pytest.raises(InputFileError):
        read_image(save(stream.getvalue()[:-200], "cut.avif"))
    huge = bytearray(stream.getvalue())
    struct.pack_into(">II", huge, huge.index(b"ispe") + 8, 60_000, 60_000)
    with pytest.raises(InputFileError):
        read_image(save(bytes(huge), "huge.avif"))


@pytest.mark.parametrize(
    ("dtype", "compression"),
    [
        (np.uint8, None),
        (np.uint8, "deflate"),
        (np.uint8, "lzw"),
        (np.uint16, None),
        (np.uint16, "deflate"),
    ],
)
def test_alpha_that_photoshop_does_not_name(
    save: Save, smooth: np.ndarray, dtype: type, compression: str | None
) -> None:
    """ExtraSamples 0, "unspecified": what Photoshop's alpha channels are."""
    white = np.iinfo(dtype).max
    alpha = np.zeros(smooth.shape[:2], dtype)
    alpha[5:20, 7:30] = white
    alpha[4, 7:30] = white // 5
    pixels = np.dstack([smooth.astype(dtype) * (white // 255), alpha])
    stream = io.BytesIO()
    if compression == "lzw":
        Image.fromarray(pixels).save(stream, "TIFF", compression="tiff_lzw")
        stream.seek(0)
        with tifffile.TiffFile(stream, mode="r+b") as file:
            file.pages[0].tags["ExtraSamples"].overwrite(0)
    else:
        tifffile.imwrite(
            stream,
            pixels,
            photometric="rgb",
            extrasamples=["unspecified"],
            compression=compression,
        )
    path = save(stream.getvalue(), "photoshop.tif")
    np.testing.assert_allclose(read_mask(path), alpha / white, atol=1e-6)
    np.testing.assert_allclose(read_image(path) * 255, smooth, atol=0.01)


def test_gray_with_a_channel_that_is_not_named(save: Save) -> None:
    gray = np.full((20, 30), 77, np.uint8)
    alpha = np.zeros_like(gray)
    alpha[3:9] = 255
    stream = io.BytesIO()
    pixels = np.dstack([gray, alpha])
    tifffile.imwrite(stream, pixels, photometric="minisblack", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read_mask(save(stream.getvalue(), "gray.tif")), alpha / 255)


def test_two_channels_that_are_not_named(save: Save, smooth: np.ndarray) -> None:
    extra = np.zeros((*smooth.shape[:2], 2), np.uint8)
    extra[3:9, :, 0] = extra[:, 9:20, 1] = 255
    stream = io.BytesIO()
    pixels = np.dstack([smooth, extra])
    tifffile.imwrite(stream, pixels, photometric="rgb", extrasamples=["unspecified"] * 2)
    path = save(stream.getvalue(), "two.tif")
    with pytest.raises(InputFileError, match="2 channels beside its colours"):
        read_mask(path)
    np.testing.assert_array_equal(read_image(path) * 255, smooth)


def dng(subfile: int = 1, version: bool = True) -> bytes:
    """A preview whose first inner page is a sensor's picture, as the DNG specification has it."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        tags = [(50706, "B", 4, b"\1\4\0\0", True)] if version else []
        file.write(
            np.zeros((60, 80, 3), np.uint8),
            photometric="rgb",
            subfiletype=subfile,
            subifds=1,
            extratags=tags,
        )
        file.write(np.zeros((120, 160), np.uint16), photometric="cfa" if not version else None)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (dng(), "camera raw .DNG"),
        (dng(0, version=False), "camera raw .TIFF of a sensor"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(64), "camera raw .CR2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(64), "camera raw .CR3"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(64), "camera raw .RAF"),
        (b"IIRO\x08\0\0\0" + bytes(64), "camera raw .ORF"),
        (b"IIU\0\x18\0\0\0" + bytes(64), "camera raw .RW2"),
        (b"FOVb" + bytes(64), "camera raw .X3F"),
        (b"\0MRM" + bytes(64), "camera raw .MRW"),
    ],
)
def test_camera_raw_is_refused(save: Save, data: bytes, words: str) -> None:
    path = save(data, "raw.tif")
    for read in (read_image, image_size, read_mask, read_instance_map):
        with pytest.raises(InputFileError, match=words) as failure:
            read(path)
        assert "develop it" in str(failure.value)
        assert "\n" not in str(failure.value)


def test_a_preview_before_the_picture_is_refused(save: Save) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(np.zeros((30, 40), np.uint8), subfiletype=1)
        file.write(np.zeros((300, 400), np.uint8))
    with pytest.raises(InputFileError, match="preview of reduced resolution"):
        read_image(save(stream.getvalue(), "pages.tif"))


def test_a_pyramid_below_the_picture_is_read(save: Save, smooth: np.ndarray) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(smooth, photometric="rgb", subifds=1)
        file.write(smooth[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_image(save(stream.getvalue(), "p.tif")) * 255, smooth)


def test_folders_are_searched_for_all_of_them(tmp_path: Path) -> None:
    names = ["a.jfif", "b.HEIC", "c.avif", "d.pgm", "e.ppm", "f.jpe", "g.exr", "h.heif"]
    for name in [*names, "n.nef", "t.txt"]:
        (tmp_path / name).touch()
    assert [found.path.name for found in find_inputs([str(tmp_path)])] == names
