"""OpenEXR: the right channel, in the display window, and hostile files."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import image_size, read_image
from maskdepth_cli.files.masks import read_instance_map, read_mask

Save = Callable[..., Path]
HEIGHT, WIDTH = 12, 16
Z = np.linspace(1, 9, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
OTHER = np.full((HEIGHT, WIDTH), 0.5, np.float32)


def window(left: int, top: int, right: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([left, top], np.int32), np.array([right, bottom], np.int32)


def exr(
    folder: Path, channels: Mapping[str, np.ndarray], header: Mapping[str, object] | None = None
) -> Path:
    path = folder / "made.exr"
    OpenEXR.File(dict(header or {}), dict(channels)).write(str(path))
    return path


@pytest.mark.parametrize(
    "names",
    [
        ["Z"],
        ["R", "G", "B", "A", "Z"],
        ["R", "G", "B", "depth.Z"],
        ["ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B",
         "ViewLayer.Combined.A", "ViewLayer.Depth.Z", "ViewLayer.Normal.X", "ViewLayer.Normal.Y",
         "ViewLayer.Normal.Z", "ViewLayer.IndexOB.X"],
        ["ViewLayer.Depth.V", "ViewLayer.UV.U", "ViewLayer.UV.V"],
        ["Depth.R", "Depth.G", "Depth.B", "R", "G", "B"],
        ["V", "A"],
        ["Y"],
        ["Y", "A"],
        ["R", "G", "B"],
        ["anything"],
        ["Z", "ZBack", "A"],
        ["P.X", "P.Y", "P.Z", "Z"],
        ["beauty.R", "beauty.G", "beauty.B", "layer.Z"],
    ],
)  # fmt: skip
def test_depth_is_found_by_its_name(tmp_path: Path, names: list[str]) -> None:
    depth = {name for name in names if name.endswith((".Z", "Z", "V", "Y")) or len(names) == 1}
    depth -= {"ViewLayer.Normal.Z", "ViewLayer.Normal.Y", "ViewLayer.UV.V", "P.Y", "P.Z"}
    depth |= {name for name in names if name.startswith("Depth.")}
    if names == ["R", "G", "B"]:
        depth = set(names)
    path = exr(tmp_path, {name: Z if name in depth else OTHER for name in names})
    np.testing.assert_array_equal(read_depth(path, "inverse"), Z)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["left.Z", "right.Z"], "several channels may be the depth: left.Z, right.Z"),
        (["N.X", "N.Y", "N.Z", "mist"], "no channel is called depth"),
        (["A", "one", "two"], "no channel is called depth"),
    ],
)
def test_what_is_not_clear_is_asked_for(tmp_path: Path, names: list[str], words: str) -> None:
    path = exr(tmp_path, {name: Z for name in names})
    with pytest.raises(InputFileError, match=words) as failure:
        read_depth(path, "inverse")
    assert "--depth-channel" in str(failure.value)


def test_the_channel_may_be_named(tmp_path: Path, save: Save) -> None:
    path = exr(tmp_path, {"left.Z": OTHER, "right.Z": Z, "mist": OTHER})
    for name in ("right.Z", "RIGHT.z"):
        np.testing.assert_array_equal(read_depth(path, "inverse", channel=name), Z)
    with pytest.raises(InputFileError, match=r"no channel 'Y'; it has left\.Z, mist, right\.Z"):
        read_depth(path, "inverse", channel="Y")
    with pytest.raises(InputFileError, match="which it is not"):
        read_depth(save(b"P5 1 1 255 x", "d.pgm"), "inverse", channel="Z")


def test_colours_are_no_depth(tmp_path: Path) -> None:
    path = exr(tmp_path, {"R": Z, "G": OTHER, "B": Z})
    with pytest.raises(InputFileError, match="has colours"):
        read_depth(path, "inverse")


def test_several_parts(tmp_path: Path) -> None:
    path = tmp_path / "parts.exr"
    colour = OpenEXR.Part({"name": "rgba"}, {"RGB": np.dstack([OTHER] * 3)})
    depth = OpenEXR.Part({"name": "depth"}, {"Z": Z})
    OpenEXR.File([colour, depth]).write(str(path))
    np.testing.assert_array_equal(read_depth(path, "inverse"), Z)
    assert read_image(path).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint32])
def test_types(tmp_path: Path, dtype: type) -> None:
    values = np.rint(Z * 8).astype(dtype)
    np.testing.assert_array_equal(read_depth(exr(tmp_path, {"Z": values}), "inverse"), values)


def test_the_data_window_lies_in_the_display_window(tmp_path: Path) -> None:
    header = {"dataWindow": window(3, 2, 3 + WIDTH - 1, 2 + HEIGHT - 1)}
    header["displayWindow"] = window(0, 0, 29, 19)
    depth = read_depth(exr(tmp_path, {"Z": Z}, header), "inverse")
    assert depth.shape == (20, 30)
    np.testing.assert_array_equal(depth[2 : 2 + HEIGHT, 3 : 3 + WIDTH], Z)
    assert np.isnan(depth).sum() == 20 * 30 - HEIGHT * WIDTH
    matte = read_mask(exr(tmp_path, {"A": Z / 9}, header))
    np.testing.assert_array_equal(matte[2 : 2 + HEIGHT, 3 : 3 + WIDTH], Z / 9)
    assert matte[0].max() == 0


def test_overscan_is_cut(tmp_path: Path) -> None:
    header = {"dataWindow": window(-2, -1, WIDTH - 3, HEIGHT - 2)}
    header["displayWindow"] = window(0, 0, 9, 7)
    depth = read_depth(exr(tmp_path, {"Z": Z}, header), "inverse")
    np.testing.assert_array_equal(depth, Z[1:9, 2:12])


def test_mattes(tmp_path: Path) -> None:
    matte = (Z - 1) / 8
    for channels in (
        {"A": matte},
        {"Y": matte},
        {"matte": matte},
        {"R": OTHER, "G": OTHER, "B": OTHER, "A": matte},
        {"R": matte, "G": matte, "B": matte, "A": np.ones_like(matte)},
        {"beauty.R": OTHER, "beauty.G": OTHER, "beauty.B": OTHER, "beauty.A": matte},
    ):
        np.testing.assert_array_equal(read_mask(exr(tmp_path, channels)), matte)
    with pytest.raises(InputFileError, match="no matte in B, G, R"):
        read_mask(exr(tmp_path, {"R": matte, "G": OTHER, "B": matte}))
    with pytest.raises(InputFileError, match="several mattes"):
        read_mask(exr(tmp_path, {"one.A": matte, "two.A": matte}))


def test_a_matte_may_overshoot_as_filters_do(tmp_path: Path) -> None:
    matte = np.float32([[-0.01, 0.25], [1, 1.01]])
    np.testing.assert_array_equal(read_mask(exr(tmp_path, {"A": matte})), [[0, 0.25], [1, 1]])
    for wrong in (1.2, -0.2, np.nan, np.inf):
        with pytest.raises(InputFileError, match="within 0 and 1"):
            read_mask(exr(tmp_path, {"A": np.float32([[0, wrong]])}))


def test_ids(tmp_path: Path) -> None:
    ids = np.arange(12, dtype=np.uint32).reshape(3, 4)
    np.testing.assert_array_equal(read_instance_map(exr(tmp_path, {"id": ids})), ids)
    with pytest.raises(InputFileError, match="one channel"):
        read_instance_map(exr(tmp_path, {"a": ids, "b": ids}))


def test_plates_take_the_curve_of_srgb(tmp_path: Path) -> None:
    light = np.zeros((2, 3, 3), np.float32)
    light[0, :, 0] = [0, 0.0031308, 0.2140411]  # IEC 61966-2-1: 0, 0.04045 and one half
    light[1, :, 1] = [1, 7, np.nan]
    planes = {name: light[..., i].copy() for i, name in enumerate("RGB")}
    path = exr(tmp_path, planes | {"Z": np.ones((2, 3), np.float32)})
    seen = read_image(path)
    np.testing.assert_allclose(seen[0, :, 0], [0, 0.04045, 0.5], atol=1e-5)
    np.testing.assert_allclose(seen[1, :, 1], [1, 1, 0])
    assert image_size(path) == (3, 2)
    with pytest.raises(InputFileError, match="no photo"):
        read_image(exr(tmp_path, {"Z": Z}))


def test_hostile_headers(tmp_path: Path, save: Save) -> None:
    data = exr(tmp_path, {"Z": Z, "R": OTHER}).read_bytes()
    box = data.index(b"dataWindow\0box2i\0") + len(b"dataWindow\0box2i\0") + 4
    display = data.index(b"displayWindow\0box2i\0") + len(b"displayWindow\0box2i\0") + 4
    for place in (box, display):
        huge = bytearray(data)
        struct.pack_into("<4i", huge, place, 0, 0, 10**6 - 1, 10**6 - 1)
        with pytest.raises(InputFileError, match="megapixels"):
            read_depth(save(bytes(huge), "huge.exr"), "inverse")
        struct.pack_into("<4i", huge, place, -(2**31), -(2**31), 2**31 - 1, 2**31 - 1)
        with pytest.raises(InputFileError, match="a side exceeds"):
            read_depth(save(bytes(huge), "huge.exr"), "inverse")
        struct.pack_into("<4i", huge, place, 0, 0, -1, -1)
        with pytest.raises(InputFileError, match="no pixels"):
            read_depth(save(bytes(huge), "none.exr"), "inverse")
    for cut in (5, 20, len(data) // 2, len(data) - 3):
        with pytest.raises(InputFileError):
            read_depth(save(data[:cut], "cut.exr"), "inverse")
    wrong = bytearray(data)
    struct.pack_into("<4i", wrong, box, 0, 0, 2 * WIDTH, HEIGHT)
    with pytest.raises(InputFileError):
        read_depth(save(bytes(wrong), "wrong.exr"), "inverse")


def test_very_many_channels(tmp_path: Path) -> None:
    path = exr(tmp_path, {f"pass{i}": OTHER for i in range(30)} | {"Z": Z})
    with pytest.raises(InputFileError, match="0 million samples in all its channels"):
        read_depth(path, "inverse", max_megapixels=0.0002)


def test_any_byte_may_be_wrong(
    tmp_path: Path, save: Save, capfd: pytest.CaptureFixture[str]
) -> None:
    data = exr(tmp_path, {"Z": Z, "A": OTHER}).read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(300):
        broken = bytearray(data)
        for spot in rng.integers(4, min(len(data), 500), 3):
            broken[spot] ^= 1 << int(rng.integers(8))
        path = save(bytes(broken), "broken.exr")
        for read in (lambda: read_depth(path, "inverse"), lambda: read_mask(path)):  # noqa: B023
            with contextlib.suppress(InputFileError):
                read()


def test_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exr(tmp_path, {"Z": Z})
    monkeypatch.setattr("maskdepth_cli.files.exr.find_spec", lambda name: None)
    with pytest.raises(InputFileError, match=r"pip install 'maskdepth\[exr\]'"):
        read_depth(path, "inverse")
