"""Masks and instance maps, against values known beforehand."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pictures import encoded, png
from PIL import Image

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.masks import read_instance_map, read_mask

Save = Callable[..., Path]


@pytest.fixture
def soft(rng: np.random.Generator) -> np.ndarray:
    values = rng.integers(0, 256, (9, 14), dtype=np.uint8)
    values[0, :2] = 0, 255
    return values


def assert_mask(path: Path, expected: np.ndarray) -> None:
    mask = read_mask(path)
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, expected, atol=1e-6)


def array_file(values: np.ndarray, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    if arrays:
        np.savez(buffer, **arrays)
    else:
        np.save(buffer, values)
    return buffer.getvalue()


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_gray_mask_of_any_depth(save: Save, rng: np.random.Generator, bits: int) -> None:
    samples = rng.integers(0, 2**bits, (5, 11, 1))
    samples[0, 0] = 2**bits - 1
    assert_mask(save(png(samples, bits, 0)), samples[..., 0] / (2**bits - 1))


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_one_bit_and_gray_in_each_container(save: Save, soft: np.ndarray, format: str) -> None:
    assert_mask(save(encoded(soft, format)), soft / 255)
    hard = soft > 127
    assert_mask(save(encoded(Image.fromarray(hard), format)), hard)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_zeros_and_ones_are_a_mask_already(save: Save, soft: np.ndarray, dtype: type) -> None:
    hard = (soft > 127).astype(dtype)
    assert_mask(save(encoded(hard, "PNG")), hard)
    assert_mask(save(array_file(hard)), hard)


def test_black_mask_is_empty(save: Save, soft: np.ndarray) -> None:
    assert_mask(save(encoded(soft * 0, "PNG")), soft * 0)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_alpha_that_varies_is_the_mask(
    save: Save, soft: np.ndarray, rng: np.random.Generator, format: str
) -> None:
    colours = rng.integers(0, 256, (*soft.shape, 3), dtype=np.uint8)
    lossless = {"lossless": True} if format == "WEBP" else {}
    assert_mask(save(encoded(np.dstack([colours, soft]), format, **lossless)), soft / 255)


def test_alpha_of_gray_of_16_bits_and_of_palettes(save: Save, soft: np.ndarray) -> None:
    flat = np.full_like(soft, 200)
    assert_mask(save(encoded(Image.fromarray(np.dstack([flat, soft]), "LA"), "PNG")), soft / 255)
    wide = np.dstack([flat, flat, flat, soft]).astype(int) * 257
    assert_mask(save(png(wide, 16, 6)), soft / 255)
    indices = (soft > 127).astype(int)[..., None]
    palette = [(b"PLTE", bytes(range(6))), (b"tRNS", b"\0\xff")]
    assert_mask(save(png(indices, 8, 3, before=palette)), indices[..., 0])


def test_constant_alpha_is_no_mask(save: Save, soft: np.ndarray) -> None:
    opaque = np.full_like(soft, 255)
    assert_mask(save(encoded(np.dstack([soft, soft, soft, opaque]), "PNG")), soft / 255)
    with pytest.raises(InputFileError, match="colour picture"):
        read_mask(save(encoded(np.dstack([soft, soft, 255 - soft, opaque]), "PNG")))


def test_palettes(save: Save, soft: np.ndarray) -> None:
    hard = (soft > 127).astype(int)[..., None]
    black_and_white = [(b"PLTE", b"\0\0\0\xff\xff\xff")]
    assert_mask(save(png(hard, 1, 3, before=black_and_white)), hard[..., 0])
    # Segmentation data sets colour the one object: its index still says where it is.
    red = [(b"PLTE", b"\0\0\0\x80\0\0")]
    assert_mask(save(png(hard, 8, 3, before=red)), hard[..., 0])
    colours = [(b"PLTE", bytes(range(9)))]
    with pytest.raises(InputFileError, match="--instances"):
        read_mask(save(png(hard * 2, 8, 3, before=colours)))


def test_gray_saved_as_rgb(save: Save, soft: np.ndarray, smooth: np.ndarray) -> None:
    assert_mask(save(encoded(np.dstack([soft] * 3), "PNG")), soft / 255)
    gray = np.dstack([smooth[..., 0]] * 3)
    jpeg = save(encoded(gray, "JPEG", quality=95), "mask.jpg")
    assert np.abs(read_mask(jpeg) * 255 - smooth[..., 0]).mean() < 3
    with pytest.raises(InputFileError, match="colour picture"):
        read_mask(save(encoded(smooth, "JPEG")))


def test_array_masks(save: Save, soft: np.ndarray) -> None:
    share = soft / 255
    assert_mask(save(array_file(soft)), share)
    assert_mask(save(array_file(soft > 9)), soft > 9)
    assert_mask(save(array_file(share.astype(np.float32)[None])), share)
    assert_mask(save(array_file(soft, mask=share, other=soft)), share)
    assert_mask(save(array_file(soft, anything=share)), share)
    for bad in (share * 2, -share, np.where(share > 0.5, np.nan, share)):
        with pytest.raises(InputFileError, match="within 0 and 1"):
            read_mask(save(array_file(bad)))
    with pytest.raises(InputFileError, match="expected an array named 'mask', found a, b"):
        read_mask(save(array_file(soft, a=share, b=share)))


def test_float_tiff_mask(save: Save, soft: np.ndarray) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, (soft / 255).astype(np.float32))
    assert_mask(save(buffer.getvalue()), soft / 255)


def assert_ids(path: Path, expected: np.ndarray, **settings: object) -> None:
    ids = read_instance_map(path, **settings)
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(ids, expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_gray_ids_are_kept_as_they_are(save: Save, rng: np.random.Generator, bits: int) -> None:
    samples = rng.integers(0, 2**bits, (5, 11, 1))
    assert_ids(save(png(samples, bits, 0)), samples[..., 0])


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_indices_and_not_colours_are_ids(
    save: Save, rng: np.random.Generator, bits: int
) -> None:
    indices = rng.integers(0, 2**bits, (5, 11, 1))
    colours = rng.integers(0, 256, 3 * 2**bits, dtype=np.uint8).tobytes()
    assert_ids(save(png(indices, bits, 3, before=[(b"PLTE", colours)])), indices[..., 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.uint32, np.float32])
def test_array_and_tiff_ids(save: Save, rng: np.random.Generator, dtype: type) -> None:
    ids = rng.integers(0, 120, (6, 7)).astype(dtype)
    assert_ids(save(array_file(ids)), ids)
    assert_ids(save(array_file(ids, instances=ids, other=ids)), ids)
    if dtype != np.int64:
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, ids)
        assert_ids(save(buffer.getvalue()), ids)


def test_minus_one_means_none(save: Save) -> None:
    ids = np.array([[-1, 0, 3]], np.int16)
    assert_ids(save(array_file(ids)), np.array([[0, 0, 3]]))
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, ids)
    assert_ids(save(buffer.getvalue()), np.array([[0, 0, 3]]))


def test_coco_panoptic_ids(save: Save) -> None:
    # panopticapi: id = R + 256 G + 256^2 B
    rgb = np.array([[[0, 0, 0], [7, 0, 0], [1, 2, 3], [255, 255, 255], [0, 0, 128]]], np.uint8)
    expected = np.array([[0, 7, 1 + 512 + 3 * 65536, 2**24 - 1, 128 * 65536]])
    path = save(encoded(rgb, "PNG"))
    assert_ids(path, expected)
    assert_ids(path, expected, panoptic=True)
    with pytest.raises(InputFileError, match="one channel"):
        read_instance_map(path, panoptic=False)


def test_equal_channels_are_gray_unless_declared_panoptic(save: Save) -> None:
    rgb = np.array([[[0, 0, 0], [7, 7, 7]]], np.uint8)
    path = save(encoded(rgb, "PNG"))
    assert_ids(path, np.array([[0, 7]]))
    assert_ids(path, np.array([[0, 7 * (1 + 256 + 65536)]]), panoptic=True)


@pytest.mark.parametrize(
    "values", [np.array([[0.5, 1.0]]), np.array([[np.nan, 1.0]]), np.array([[np.inf, 1]])]
)
def test_fractions_are_no_ids(save: Save, values: np.ndarray) -> None:
    with pytest.raises(InputFileError, match="whole numbers"):
        read_instance_map(save(array_file(values)))


def test_ids_that_do_not_fit(save: Save) -> None:
    for values in (np.array([[2**31]]), np.array([[2.0**31, 1]])):
        with pytest.raises(InputFileError, match="2\\^31"):
            read_instance_map(save(array_file(values)))


def test_lossy_files_hold_no_ids(save: Save, smooth: np.ndarray) -> None:
    with pytest.raises(InputFileError, match="lossy"):
        read_instance_map(save(encoded(smooth[..., 0], "JPEG")))
