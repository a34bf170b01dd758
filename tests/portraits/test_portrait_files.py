from __future__ import annotations

import io

import numpy as np
import portrait_files as built
import pytest
from PIL import Image

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.portraits import heif_writing, heifs
from maskdepth_cli.portraits.embedding import embedded_copy
from maskdepth_cli.portraits.reading import read_contents, read_embedded_depth, read_matte
from maskdepth_cli.portraits.scale import coded

PHOTO, MATTE, CODES = built.scene()
EXIF_TURNS = {1: lambda x: x, 3: lambda x: np.rot90(x, 2), 6: lambda x: np.rot90(x, -1),
              8: np.rot90, 2: np.fliplr, 5: lambda x: x.T}  # fmt: skip


def write(tmp_path, data, name="photo.jpg"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("little", [False, True])
@pytest.mark.parametrize("orientation", [1, 6, 8, 3, 2, 5])
def test_an_iphones_jpeg_gives_disparity_and_mattes_as_displayed(tmp_path, orientation, little):
    frames = [
        (MATTE // 2, built.gain_map()),
        (CODES, built.apple_depth(low=0.5, high=2.5)),
        (MATTE, built.apple_matte()),
        (255 - MATTE, built.apple_matte("hair")),
    ]
    path = write(tmp_path, built.mpo(PHOTO, frames, orientation, little))
    turned = EXIF_TURNS[orientation]
    depth = read_embedded_depth(path)
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, turned(0.5 + CODES / 255 * 2), atol=4 * 2 / 255)
    np.testing.assert_allclose(read_matte(path), turned(MATTE / 255), atol=8 / 255)
    np.testing.assert_allclose(read_matte(path, "hair"), turned(1 - MATTE / 255), atol=8 / 255)
    assert read_contents(path).depth.scale.facts["accuracy"] == "absolute"
    with pytest.raises(InputFileError, match=r"no skin matte, only portrait, hair"):
        read_matte(path, "skin")


def test_depth_of_an_iphone_is_inverted_once(tmp_path):
    path = write(tmp_path, built.mpo(PHOTO, [(CODES, built.apple_depth("depth", 1.0, 9.0))]))
    expected = 1 / (1 + CODES / 255 * 8)
    np.testing.assert_allclose(read_embedded_depth(path), expected, rtol=0.1)


def test_what_metadata_does_not_say_is_not_guessed(tmp_path):
    nameless = built.apple_depth(drop=("AuxiliaryImageType",))
    contents = read_contents(write(tmp_path, built.mpo(PHOTO, [(CODES, nameless)])))
    assert contents.depth is None
    unbounded = built.apple_depth("depth", drop=("FloatMaxValue",))
    path = write(tmp_path, built.mpo(PHOTO, [(CODES, unbounded)]))
    with pytest.raises(InputFileError, match="does not state the range of its depth"):
        read_embedded_depth(path)
    relative = built.apple_depth(drop=("FloatMinValue", "FloatMaxValue"))
    path = write(tmp_path, built.mpo(PHOTO, [(CODES, relative)]))
    np.testing.assert_allclose(read_embedded_depth(path), CODES / 255, atol=4 / 255)
    assert "does not state a range" in read_contents(path).problems[0]


def test_an_index_that_a_smaller_copy_left_behind_does_no_harm(tmp_path):
    whole = built.mpo(PHOTO, [(CODES, built.apple_depth())])
    alone = whole[: whole.rindex(b"\xff\xd8\xff")]
    contents = read_contents(write(tmp_path, alone))
    assert (contents.depth, dict(contents.mattes)) == (None, {})


def inverse_of(form, codes):
    """Google's formulas for near 1 and far 5, as the formats' documentation writes them."""
    share = codes / 255
    if form == "RangeLinear":
        return 1 / (1 + share * (5 - 1))
    return (5 - share * (5 - 1)) / (5 * 1)


@pytest.mark.parametrize("form", ["RangeInverse", "RangeLinear"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("chunk", [0, 500])
def test_gdepth(tmp_path, form, orientation, chunk):
    data = built.gdepth(PHOTO, 255 - CODES, form, orientation=orientation, chunk=chunk)
    expected = EXIF_TURNS[orientation](inverse_of(form, 255 - CODES))
    np.testing.assert_allclose(read_embedded_depth(write(tmp_path, data)), expected, rtol=1e-6)


def test_gdepth_in_millimetres(tmp_path):
    data = built.gdepth(PHOTO, CODES, near=1000.0, far=5000.0, units="mm")
    expected = inverse_of("RangeInverse", CODES)
    np.testing.assert_allclose(read_embedded_depth(write(tmp_path, data)), expected, rtol=1e-6)


@pytest.mark.parametrize("form", ["RangeInverse", "RangeLinear"])
@pytest.mark.parametrize("padding", [0, 7])
def test_dynamic_depth(tmp_path, form, padding):
    data = built.dynamic_depth(PHOTO, 255 - CODES, form, orientation=8, padding=padding)
    expected = np.rot90(inverse_of(form, 255 - CODES))
    np.testing.assert_allclose(read_embedded_depth(write(tmp_path, data)), expected, rtol=1e-6)


def test_dioptres_are_inverse_depth_already(tmp_path):
    data = built.dynamic_depth(PHOTO, CODES, "RangeLinear", near=3.0, far=0.5, units="Diopters")
    expected = 3 - CODES / 255 * 2.5
    np.testing.assert_allclose(read_embedded_depth(write(tmp_path, data)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (built.gdepth(PHOTO, CODES, drop=("Near",)), "near and far are not stated"),
        (built.gdepth(PHOTO, CODES, form="Fancy"), "format is Fancy"),
        (built.dynamic_depth(PHOTO, CODES)[:-10], "ends before its depth map"),
        (built.gdepth(PHOTO, CODES, chunk=500).replace(b"GDepth:Data", b"GDepth:Date"), "none"),
        (built.jpeg(PHOTO), "holds no depth"),
        (built.jpeg(PHOTO, (0xE1, built.XMP + b"<a")), "XMP cannot be parsed"),
        (built.jpeg(PHOTO, (0xE1, built.XMP + b"<!DOCTYPE a><a/>")), "declares entities"),
    ],
)
def test_reasons(tmp_path, data, reason):
    path = write(tmp_path, data)
    with pytest.raises(InputFileError, match=reason) as raised:
        read_embedded_depth(path)
    assert "photo.jpg" in str(raised.value)


def heic(quarters=0, *, mattes=True, depth=None):
    pictures = [(CODES, built.DEPTH_URN, depth or built.apple_depth(low=0.5, high=2.5))]
    for name in ("portrait", "hair") if mattes else ():
        pictures.append((MATTE, built.APPLE_URNS[name], built.apple_matte(name)))
    return built.heic(PHOTO, pictures, quarters)


@pytest.mark.parametrize("quarters", [0, 1, 3])
def test_heic(tmp_path, quarters):
    pytest.importorskip("pillow_heif")
    contents = heifs.read_heif(heic(quarters), tmp_path / "photo.heic")
    samples, white = contents.depth.decode(1.0)
    depth = contents.depth.scale.inverse(samples, white)
    np.testing.assert_allclose(depth, np.rot90(0.5 + CODES / 255 * 2, quarters), rtol=1e-6)
    assert sorted(contents.mattes) == ["hair", "portrait"]
    samples, white = contents.mattes["portrait"].decode(1.0)
    np.testing.assert_allclose(samples / white, np.rot90(MATTE / 255, quarters), atol=1e-6)


@pytest.mark.parametrize("quarters", [0, 1, 3])
@pytest.mark.parametrize("held", [True, False])
def test_depth_written_into_heic_is_read_by_libheif(tmp_path, quarters, held):
    pillow_heif = pytest.importorskip("pillow_heif")
    before = heic(quarters) if held else built.heic(PHOTO, [], quarters)
    depth = np.rot90(0.25 + CODES / 255 * 4, quarters).astype(np.float32)
    after = heif_writing.write(before, coded(depth), own=held)
    old, new = pillow_heif.open_heif(io.BytesIO(before)), pillow_heif.open_heif(io.BytesIO(after))
    assert bytes(old.data) == bytes(new.data)
    (picture,) = new.info["depth_images"]
    facts = picture.info["metadata"]
    low, high = depth.min(), depth.max()
    assert (facts["d_min"], facts["d_max"]) == pytest.approx((low, high), rel=1e-4)
    found = low + np.asarray(picture) / 255 * (high - low)
    np.testing.assert_allclose(found, depth, atol=4 / 255 * (high - low))
    contents = heifs.read_heif(after, tmp_path / "photo.heic")
    assert contents.depth.scale.facts["accuracy"] == ("absolute" if held else "relative")
    assert sorted(contents.mattes) == (["hair", "portrait"] if held else [])


CONTAINERS = {
    "MPO": built.mpo(PHOTO, [(CODES, built.apple_depth()), (MATTE, built.apple_matte())], 6),
    "MPO, matte alone": built.mpo(PHOTO, [(MATTE, built.apple_matte())], trailer=b"a film"),
    "GDepth": built.gdepth(PHOTO, CODES, orientation=8, chunk=500),
    "Dynamic Depth": built.dynamic_depth(PHOTO, CODES, orientation=6),
    "plain": built.jpeg(PHOTO, (0xE2, b"ICC_PROFILE\0\1\1colours"), orientation=6),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_depth_written_into_a_jpeg_is_read_back_and_the_rest_stays(tmp_path, name):
    path = write(tmp_path, CONTAINERS[name])
    shape = Image.open(path).getexif().get(0x0112, 1) > 4
    depth = (0.25 + CODES / 255 * 4).astype(np.float32)
    depth = np.ascontiguousarray(depth.T if shape else depth)
    copy = write(tmp_path, embedded_copy(path, depth, own=True), "copy.jpg")
    np.testing.assert_allclose(read_embedded_depth(copy), depth, atol=0.02 * 4.25)
    for one in (path, copy):
        with Image.open(one) as picture:
            pixels = np.asarray(picture)
            exif = bytes(picture.getexif().tobytes())
        if one == path:
            expected = (pixels, exif)
    np.testing.assert_array_equal(pixels, expected[0])
    assert exif == expected[1]
    if name.startswith("MPO"):
        np.testing.assert_array_equal(read_matte(copy), read_matte(path))
        with Image.open(copy) as picture:  # Pillow's own reader of the index
            assert (picture.format, picture.n_frames) == ("MPO", 3)
    for kept in (b"a film", b"another file", b"ICC_PROFILE\0\1\1colours"):
        assert copy.read_bytes().count(kept) == path.read_bytes().count(kept)


def test_relative_depth_around_zero_is_embedded_by_its_order(tmp_path):
    path = write(tmp_path, built.jpeg(PHOTO))
    depth = (CODES / 255.0 - 0.5).astype(np.float32)
    copy = write(tmp_path, embedded_copy(path, depth), "copy.jpg")
    found = read_embedded_depth(copy)
    share = (depth - depth.min()) / np.ptp(depth)
    np.testing.assert_allclose(found, 0.01 + share * 0.99, atol=1 / 255)


def test_embedding_needs_a_format_with_a_place_for_depth(tmp_path):
    path = write(tmp_path, built.png(PHOTO), "photo.png")
    with pytest.raises(InputFileError, match="only JPEG and HEIC files have a place for depth"):
        embedded_copy(path, CODES.astype(np.float32))
