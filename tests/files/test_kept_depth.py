"""Depth maps that are written in the numbers they came in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.depth_formats import extension
from maskdepth_cli.files.depth_writing import loss_in_codes, write_depth
from maskdepth_cli.files.depths import read_depth, read_depth_map

Save = Callable[..., Path]
CODES = np.array([[0, 1, 2, 500, 2345, 65534, 65535], [9, 8, 7, 6, 5, 4, 3]], np.uint16)


def saved(path: Path, pixels: np.ndarray) -> Path:
    done, data = cv2.imencode(path.suffix, pixels)
    assert done
    path.write_bytes(data.tobytes())
    return path


def kept(path: Path, kind: str, change, unknown=None, target="out.png", format="keep"):
    """Read, change inverse depth, write; return what OpenCV finds and the record."""
    given = read_depth_map(path, kind, unknown=unknown)
    depth = change(given.inverse.copy())
    out = path.parent / target
    record = write_depth(out, depth, format=format, initial=given)
    return cv2.imread(str(out), cv2.IMREAD_UNCHANGED), record


def same(depth):
    return depth


@pytest.mark.parametrize("kind", ["inverse", "depth", "far"])
@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_codes_stay_what_they_were(tmp_path, kind, name) -> None:
    codes = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    found, record = kept(saved(tmp_path / name, codes), kind, same, target=f"out{name[1:]}")
    np.testing.assert_array_equal(found, codes)
    assert found.dtype == np.uint16
    assert (record["kind"], record["step"], record["offset"]) == (kind, 1, 0)
    assert "clipped" not in record
    again = read_depth(tmp_path / f"out{name[1:]}", kind)
    np.testing.assert_array_equal(again, read_depth(tmp_path / name, kind))


@pytest.mark.parametrize(("bits", "factor"), [(8, 257), (1, 65535)])
def test_codes_of_fewer_bits_are_spread_over_16(tmp_path, bits, factor) -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = tmp_path / "a.png"
    if bits == 1:
        codes = codes % 2
        Image.fromarray(codes.astype(bool)).save(path)
    else:
        saved(path, codes)
    for kind in ("inverse", "far"):
        found, record = kept(path, kind, same)
        np.testing.assert_array_equal(found, codes.astype(np.uint16) * factor)
        assert record["step"] == 1 / factor
        restored = read_depth(tmp_path / "out.png", kind)
        np.testing.assert_array_equal(restored, read_depth(path, kind))


def test_changed_pixels_take_the_nearest_code_of_their_kind(tmp_path) -> None:
    """2.3456 m is code 2346 in millimetres, whatever the other pixels are."""
    path = saved(tmp_path / "a.png", CODES)

    def moved(value):
        def change(depth):
            depth[0, 3] = value
            return depth

        return change

    for kind, value in (("depth", 1 / 2345.6), ("inverse", 2345.6), ("far", -2345.6)):
        found, _ = kept(path, kind, moved(value))
        expected = CODES.copy()
        expected[0, 3] = 2346
        np.testing.assert_array_equal(found, expected)
    eight = saved(tmp_path / "b.png", np.array([[10, 20, 255]], np.uint8))
    given = read_depth_map(eight, "inverse")
    depth = given.inverse + np.array([[0.5, 0, 0]], np.float32)
    write_depth(tmp_path / "out.png", depth, format="keep", initial=given)
    found = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found, [[round(10.5 * 257), 20 * 257, 65535]])


def test_values_beyond_the_codes_are_clipped_and_counted(tmp_path) -> None:
    path = saved(tmp_path / "a.png", CODES)
    for kind, far, near in (("inverse", -7, 70000), ("far", -70000, 7), ("depth", 1e-9, 1e9)):

        def change(depth, far=far, near=near):
            depth[1, :2] = far, near
            return depth

        found, record = kept(path, kind, change)
        low, high = (1, 65535) if kind == "depth" else (0, 65535)  # 0 is no distance
        assert list(found[1, :2]) == ([low, high] if kind == "inverse" else [high, low])
        assert record["clipped"] == (1 if kind == "depth" else 2)
        given = read_depth_map(path, kind)
        assert "were clipped" in loss_in_codes(given.inverse, record, given)


@pytest.mark.parametrize("unknown", [0, 5, 65535])
def test_unknown_keeps_its_code_and_no_known_pixel_takes_it(tmp_path, unknown) -> None:
    codes = np.full((4, 5), 3000, np.uint16)
    codes[0] = unknown
    path = saved(tmp_path / "a.png", codes)
    given = read_depth_map(path, "inverse", unknown=unknown)
    assert np.isnan(given.inverse[0]).all()
    assert np.isfinite(given.inverse[1:]).all()

    def change(depth):
        depth[1] = unknown, unknown - 0.4, unknown + 0.4, 100, 0
        return depth

    found, record = kept(path, "inverse", change, unknown)
    assert (found[0] == unknown).all()
    assert (found[1:] != unknown).all()
    assert record["unknown"] == unknown
    limited = np.clip([unknown, unknown - 0.4, unknown + 0.4], 0, 65535)
    assert np.abs(found[1, :3].astype(float) - limited).max() <= 1.4
    np.testing.assert_array_equal(
        np.isnan(read_depth(tmp_path / "out.png", "inverse")), found == unknown
    )


def test_an_eight_bit_code_for_unknown_is_spread_as_the_others(tmp_path) -> None:
    path = saved(tmp_path / "a.png", np.array([[255, 7, 9]], np.uint8))
    found, record = kept(path, "far", same, unknown=255)
    np.testing.assert_array_equal(found, [[65535, 7 * 257, 9 * 257]])
    assert record["unknown"] == 65535
    again = read_depth(tmp_path / "out.png", "far", unknown=255)  # both maps in one command
    np.testing.assert_array_equal(again, read_depth(path, "far", unknown=255))


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_transparent_pixels_are_unknown_and_stay_transparent(tmp_path, name) -> None:
    gray = np.array([[0, 10, 20], [30, 40, 50]], np.uint16) * 1000
    opaque = np.array([[1, 1, 0], [1, 1, 1]], np.uint16) * 65535
    path = tmp_path / name
    if name == "a.png":
        saved(path, np.dstack([gray, gray, gray, opaque]))
    else:
        tifffile.imwrite(
            path,
            np.dstack([gray, opaque]),
            photometric="minisblack",
            planarconfig="contig",
            extrasamples=["unassalpha"],
        )
    given = read_depth_map(path, "inverse")
    np.testing.assert_array_equal(np.isnan(given.inverse), opaque == 0)
    out = tmp_path / f"out{name[1:]}"
    write_depth(out, given.inverse, format="keep", initial=given)
    if name == "a.png":
        found = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)[..., [0, 3]]
    else:
        found = tifffile.imread(out)
    np.testing.assert_array_equal(found, np.dstack([gray, opaque]))
    np.testing.assert_array_equal(read_depth(out, "inverse"), given.inverse)


@pytest.mark.parametrize("kind", ["inverse", "depth", "far"])
def test_floats_stay_the_numbers_they_were(tmp_path, rng, kind) -> None:
    """1/(1/x) is not x for one float in ten: what is not refined is copied."""
    values = rng.uniform(0.1, 90, (50, 60)).astype(np.float32)
    values[0, :4] = 0, -1, np.nan, np.inf
    values[0, 4] = 1e10
    np.save(tmp_path / "a.npy", values)
    given = read_depth_map(tmp_path / "a.npy", kind)
    depth = given.inverse.copy()
    depth[7, 7] = -3 if kind == "far" else 0.125
    write_depth(tmp_path / "out.tiff", depth, format="keep", initial=given)
    expected = values.copy()
    expected[7, 7] = {"inverse": 0.125, "depth": 8, "far": 3}[kind]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tiff"), expected)
    back = np.float32(1) / (np.float32(1) / values[1:])
    assert (back != values[1:]).any()


@pytest.mark.parametrize("format", ["tiff", "exr", "npy", "npz", "pfm"])
def test_codes_become_the_same_numbers_in_float_formats(tmp_path, format) -> None:
    path = saved(tmp_path / "a.png", CODES)
    given = read_depth_map(path, "depth", unknown=65535)
    out = tmp_path / f"out.{format}"
    write_depth(out, given.inverse, format=format, initial=given)
    read = read_depth_map(out, "depth", unknown=65535)
    np.testing.assert_array_equal(read.numbers, CODES)
    np.testing.assert_array_equal(read.inverse, given.inverse)


def test_integers_of_arrays_and_of_more_bits(tmp_path) -> None:
    """npy of uint16 are codes; integers of 32 bits may be anything, so they become floats."""
    np.save(tmp_path / "a.npy", CODES)
    given = read_depth_map(tmp_path / "a.npy", "depth")
    record = write_depth(tmp_path / "out.tiff", given.inverse, format="keep", initial=given)
    found = tifffile.imread(tmp_path / "out.tiff")
    np.testing.assert_array_equal(found, CODES)
    assert (found.dtype, record["format"]) == (np.uint16, "tiff16")
    np.save(tmp_path / "a.npy", CODES.astype(np.int32) + 70000)
    given = read_depth_map(tmp_path / "a.npy", "depth")
    write_depth(tmp_path / "out.tiff", given.inverse, format="keep", initial=given)
    found = tifffile.imread(tmp_path / "out.tiff")
    np.testing.assert_array_equal(found, CODES.astype(np.float32) + 70000)
    assert found.dtype == np.float32


def test_what_is_written_is_named_by_the_initial_map() -> None:
    names = {"png": "png", "JPG": "png", "webp": "png", "bmp": "png", "tif": "tiff"}
    names |= {name: "tiff" for name in ("npy", "npz", "pfm", "exr", "tiff")}
    assert {name: extension("keep", f"x/a.{name}") for name in names} == names
    assert extension("keep") == "tiff"
    assert extension("png16", "a.npy") == "png"
    assert extension("exr", "a.png") == "exr"


def test_floats_named_as_a_picture_are_not_squeezed_into_one(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 4), np.float32))
    (tmp_path / "a.npy").rename(tmp_path / "a.png")
    given = read_depth_map(tmp_path / "a.png", "depth")
    with pytest.raises(InputFileError, match=r"holds floats; rename it to .*--format tiff"):
        write_depth(tmp_path / "out.png", given.inverse, format="keep", initial=given)
    assert not (tmp_path / "out.png").exists()


def test_a_map_keeps_the_scale_of_the_run_that_wrote_it(tmp_path) -> None:
    """Refined again, codes mean what they meant before."""
    depth = np.linspace(0.5, 2, 600, dtype=np.float32).reshape(20, 30)
    write_depth(tmp_path / "a.png", depth, format="png16", png_range=(0, 2.5))
    given = read_depth_map(tmp_path / "a.png", "inverse")
    record = write_depth(tmp_path / "b.png", given.inverse, format="keep", initial=given)
    assert record["step"] == pytest.approx(2.5 / 65535)
    codes = [cv2.imread(str(tmp_path / f"{n}.png"), cv2.IMREAD_UNCHANGED) for n in "ab"]
    np.testing.assert_array_equal(*codes)


def test_frames_of_a_video_share_their_codes(tmp_path) -> None:
    depth = np.linspace(0.2, 0.9, 600, dtype=np.float32).reshape(20, 30)
    found = []
    for number, frame in enumerate((depth, depth * np.float32(0.6))):
        out = tmp_path / f"{number}.png"
        write_depth(out, frame, format="png16")
        found.append(cv2.imread(str(out), cv2.IMREAD_UNCHANGED).astype(float))
    np.testing.assert_allclose(found[0], depth * 65535, atol=0.51)
    np.testing.assert_allclose(found[1], found[0] * 0.6, atol=0.9)


def test_a_png_that_loses_much_is_said_or_refused(tmp_path) -> None:
    path = tmp_path / "a.png"

    def loss(depth, kind, **more) -> str:
        return loss_in_codes(depth, write_depth(path, depth, format="png16", kind=kind, **more))

    metres = np.linspace(0.5, 60, 1200, dtype=np.float32).reshape(30, 40)
    assert loss(1 / metres, "depth") == ""  # a millimetre of half a metre: 0.2%
    assert "of the nearest distances" in loss(1 / (metres / 100), "depth")  # of 3.5 cm: 3%
    assert "of the nearest distances" in loss(1 / metres, "depth", png_range=(0, 1e4))
    assert loss(np.linspace(0, 1, 1200, dtype=np.float32).reshape(30, 40), "inverse") == ""
    narrow = np.linspace(0.5, 0.501, 1200, dtype=np.float32).reshape(30, 40)
    assert "of its range" in loss(narrow, "inverse")
    path.unlink()
    for kind, depth in (("inverse", metres * 50), ("depth", 1 / (metres * 1e4))):
        with pytest.raises(
            InputFileError,
            match=r"^\d+% of its depth values lie outside of .* --png-range LOW,HIGH, or",
        ):
            write_depth(path, depth, format="png16", kind=kind)
    assert not path.exists()


def test_maps_that_were_resized_are_rounded_to_codes(tmp_path) -> None:
    codes = np.repeat(np.array([[1000, 2000]], np.uint16), 2, axis=0)
    given = read_depth_map(saved(tmp_path / "a.png", codes), "inverse").to_size((4, 4), "a.png")
    write_depth(tmp_path / "out.png", given.inverse, format="keep", initial=given)
    found = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found, [[1000, 1250, 1750, 2000]] * 4)
