"""Depth maps: round trips, kinds, and other programs' readers and writers."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pictures import encoded, png
from PIL import Image

from maskdepth_cli.errors import InputFileError, OutputError, UsageError
from maskdepth_cli.files.depth_formats import DEPTH_FORMATS
from maskdepth_cli.files.depth_writing import write_depth
from maskdepth_cli.files.depths import read_depth

Save = Callable[..., Path]
FLOAT_FORMATS = [format for format in DEPTH_FORMATS if format not in ("keep", "png16")]
SHARED_PATH = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def maps(elements: st.SearchStrategy[float]) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=elements)


LARGE = float(np.float32(1e30))
FINITE = st.floats(-LARGE, LARGE, width=32)
ANY = st.one_of(FINITE, st.sampled_from([np.nan, np.inf, -np.inf, 0.0]))


@pytest.fixture
def depth(rng: np.random.Generator) -> np.ndarray:
    values = rng.normal(3, 2, (13, 17)).astype(np.float32)
    values[2, 3:6] = np.nan
    return values


@SHARED_PATH
@given(values=maps(st.floats(-3, 5, width=32) | st.sampled_from([np.nan, np.inf, -np.inf])))
def test_png_restores_values_within_half_a_step(tmp_path: Path, values: np.ndarray) -> None:
    path = tmp_path / "d.png"
    known = np.isfinite(values)
    if not known.any():
        with pytest.raises(OutputError, match="no known pixel"):
            write_depth(path, values, format="png16")
        return
    record = write_depth(path, values, format="png16", png_range=(-3, 5))
    restored = read_depth(path, "inverse")
    step = 8 / 65535
    # The lowest code means unknown: values that are nearest to it take the one beside it.
    allowed = np.where(values[known] < -3 + step / 2, step, step / 2)
    spacing = np.spacing(np.float32(5))
    assert (np.abs(restored[known].astype(float) - values[known]) <= allowed + spacing).all()
    assert np.isnan(restored[~known]).all()
    assert "clipped" not in record


@SHARED_PATH
@given(values=maps(st.just(0.0) | st.floats(2**-6, 2**10, width=32)))
def test_png_of_kind_depth_is_millimetres_and_keeps_infinitely_far(
    tmp_path: Path, values: np.ndarray
) -> None:
    path = tmp_path / "d.png"
    near = values > 0
    if not near.any():
        return
    metric = 1 / values[near].astype(float)
    write_depth(path, values, format="png16", kind="depth")
    codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert (codes[~near] == 65535).all()
    assert np.abs(codes[near] - np.maximum(metric * 1000, 1)).max() <= 0.5 + 1e-3
    restored = read_depth(path, "depth").astype(float)
    assert (restored[~near] == 0).all()
    assert np.abs(1 / restored[near] - codes[near] / 1000).max() <= 1e-6 * metric.max() + 1e-9


def test_png_says_what_its_codes_mean(tmp_path: Path, depth: np.ndarray) -> None:
    path = tmp_path / "d.png"
    extra = {"weights": "tiny", "name": "Wörld\n"}
    record = write_depth(path, depth, format="png16", png_range=(-6, 12), extra=extra)
    with Image.open(path) as image:
        image.load()
        text = image.text
        codes = np.asarray(image).astype(float)
    assert text["maskdepth.kind"] == "inverse"
    assert text["maskdepth.unknown"] == "0"
    assert text["maskdepth.weights"] == "tiny"
    assert json.loads(text["maskdepth.name"]) == "Wörld\n"
    offset, step = float(text["maskdepth.offset"]), float(text["maskdepth.step"])
    facts = {"format": "png16", "kind": "inverse", "unknown": 0}
    assert record == facts | {"offset": offset, "step": step}
    assert (offset, step) == (-6, 18 / 65535)
    known = np.isfinite(depth)
    assert np.abs(offset + step * codes - depth)[known].max() <= step / 2 * 1.001
    assert (codes[~known] == 0).all()


def test_png_resaved_by_other_programs_keeps_its_meaning(tmp_path: Path, save: Save) -> None:
    depth = np.linspace(2, 5, 256, dtype=np.float32).reshape(16, 16)
    path = tmp_path / "d.png"
    write_depth(path, depth, format="png16", png_range=(2, 5))
    with Image.open(path) as image:
        image.load()
        text, codes = image.text, np.asarray(image).astype(int)
    chunks = [(b"tEXt", f"{k}\0{v}".encode("latin-1")) for k, v in text.items()]
    moved = save(png(codes[..., None], 16, 0, after=chunks), "text_at_the_end.png")
    np.testing.assert_array_equal(read_depth(moved, "inverse"), read_depth(path, "inverse"))
    eight = save(png(codes[..., None] // 257, 8, 0, before=chunks), "8bit.png")
    restored = read_depth(eight, "inverse")
    assert np.nanmax(np.abs(restored - depth)) <= 3 / 255
    assert np.isnan(restored).sum() == np.count_nonzero(codes // 257 == 0)


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("infinite", [False, True])
def test_pngs_of_earlier_versions_are_read(save: Save, unknown: bool, infinite: bool) -> None:
    """They hold the values of the lowest and the highest code that is not set aside."""
    kind = "depth" if infinite else "inverse"
    text = {"kind": kind, "low": "2.5", "high": "7.25"}
    text |= {"unknown": "0"} if unknown else {}
    text |= {"infinite": "65535"} if infinite else {}
    chunks = [(b"tEXt", f"maskdepth.{k}\0{v}".encode()) for k, v in text.items()]
    first, last = int(unknown), 65535 - int(infinite)
    codes = np.array([0, first, 1000, 40000, last, 65535])
    expected = 2.5 + (codes - first) / (last - first) * 4.75
    if infinite:
        expected = np.where(codes == 65535, 0, 1 / expected)
    if unknown:
        expected[0] = np.nan
    path = save(png(codes[None, :, None], 16, 0, before=chunks))
    np.testing.assert_allclose(read_depth(path, kind)[0], expected, rtol=1e-6)


@pytest.mark.parametrize("format", FLOAT_FORMATS)
def test_float_formats_keep_every_bit(tmp_path: Path, format: str) -> None:
    @SHARED_PATH
    @given(values=maps(ANY))
    def check(values: np.ndarray) -> None:
        if not np.isfinite(values).any():
            return
        path = tmp_path / f"d.{format}"
        assert write_depth(path, values, format=format) == {"format": format, "kind": "inverse"}
        np.testing.assert_array_equal(read_depth(path, "inverse"), values)

    check()


@pytest.mark.parametrize("format", FLOAT_FORMATS)
def test_kind_depth_stores_the_reciprocal(tmp_path: Path, format: str) -> None:
    path = tmp_path / "d"
    inverse = np.array([[2, 0.25, 0, -1, np.nan]], np.float32)
    write_depth(path, inverse, format=format, kind="depth")
    np.testing.assert_array_equal(
        read_depth(path, "depth"), np.array([[2, 0.25, 0, np.nan, np.nan]], np.float32)
    )


def test_declared_depth_is_inverted_once(save: Save) -> None:
    values = np.array([[2, 0.5, 0, -3, np.inf, -np.inf, np.nan, 1e-45]])
    buffer = io.BytesIO()
    np.save(buffer, values)
    path = save(buffer.getvalue())
    nan = np.nan
    np.testing.assert_array_equal(
        read_depth(path, "depth")[0, :7], np.array([0.5, 2, nan, nan, 0, nan, nan], np.float32)
    )
    np.testing.assert_array_equal(read_depth(path, "inverse"), values.astype(np.float32))
    integers = save(encoded(np.array([[0, 1, 4, 1000]], np.uint16), "PNG"))
    np.testing.assert_allclose(read_depth(integers, "depth"), [[nan, 1, 0.25, 0.001]])
    np.testing.assert_array_equal(read_depth(integers, "inverse"), [[0, 1, 4, 1000]])


@pytest.mark.parametrize("format", ["png16", "tiff", "npz"])
def test_a_file_that_states_its_kind_is_not_read_as_the_other(
    tmp_path: Path, depth: np.ndarray, format: str
) -> None:
    path = tmp_path / "d"
    for kind, other in (("inverse", "depth"), ("depth", "inverse"), ("far", "inverse")):
        values = -np.abs(depth) if kind == "far" else np.abs(depth)
        write_depth(path, values, format=format, kind=kind, png_range=(0, 20))
        read_depth(path, kind)
        with pytest.raises(InputFileError, match=f"declared as '{other}', .* holds '{kind}'"):
            read_depth(path, other)


def test_other_programs_read_what_is_written(tmp_path: Path, depth: np.ndarray) -> None:
    path = tmp_path / "d.tiff"
    write_depth(path, depth, format="tiff", extra={"weights": "tiny"})
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), depth)
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert json.loads(page.description)["maskdepth"] == {"kind": "inverse", "weights": "tiny"}
        assert (page.dtype, page.compression, page.predictor) == (np.float32, 1, 1)  # none
    path = tmp_path / "d.pfm"
    write_depth(path, depth, format="pfm")
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), depth)
    path = tmp_path / "d.npz"
    write_depth(path, depth, format="npz")
    with np.load(path) as arrays_:
        np.testing.assert_array_equal(arrays_["depth"], depth)
        assert arrays_["kind"] == "inverse"


@pytest.mark.parametrize("size", [(1, 1), (3, 70000), (301, 517)])
def test_float_tiffs_of_any_size_are_read_by_libtiff_and_opencv(tmp_path, size) -> None:
    depth = np.random.default_rng(0).normal(0, 9, size).astype(np.float32)
    depth.flat[::7] = 1e-38
    depth[-1, -1] = -np.inf if depth.size > 1 else 2
    path = tmp_path / "d.tiff"
    write_depth(path, depth, format="tiff")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), depth)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), depth)
    np.testing.assert_array_equal(read_depth(path, "inverse"), depth)


@pytest.mark.parametrize("size", [(1, 1), (3, 700_000), (301, 517)])
def test_pngs_of_any_size_are_read_by_libpng(tmp_path, size) -> None:
    """A step between two neighbours, a ramp over all codes, and rows of more than one strip."""
    codes = (np.arange(size[0] * size[1]) % 65536).astype(np.uint16).reshape(size)
    codes[0, :: 2 if size[1] > 1 else 1] = 65535
    path = tmp_path / "d.png"
    write_depth(path, codes.astype(np.float32), format="png16", png_range=(0, 65535))
    expected = np.maximum(codes, 1)  # 0 means unknown
    for found in (np.asarray(Image.open(path)), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("format", ["png16", *FLOAT_FORMATS])
def test_maps_in_any_order_of_memory_are_written(tmp_path, format) -> None:
    depth = np.random.default_rng(0).random((40, 60), np.float32)
    for number, view in enumerate((depth.T, depth[::-1, ::2], np.asfortranarray(depth))):
        path = tmp_path / f"{number}.{format}"
        write_depth(path, view, format=format)
        np.testing.assert_allclose(read_depth(path, "inverse"), view, atol=1e-5)


@pytest.mark.parametrize("format", ["png16"])
def test_files_are_the_same_maps_where_there_is_no_isal(tmp_path, monkeypatch, format) -> None:
    depth = np.random.default_rng(0).random((301, 517), np.float32)
    paths = [tmp_path / f"{name}.{format}" for name in ("with", "without")]
    write_depth(paths[0], depth, format=format)
    monkeypatch.setattr("maskdepth_cli.files.libraries.deflate", lambda: zlib)
    write_depth(paths[1], depth, format=format)
    assert paths[0].read_bytes() != paths[1].read_bytes()
    np.testing.assert_array_equal(*(read_depth(path, "inverse") for path in paths))


def test_other_programs_files_are_read(tmp_path: Path, depth: np.ndarray) -> None:
    depth = np.nan_to_num(depth)
    path = tmp_path / "d.pfm"
    assert cv2.imwrite(str(path), depth)
    np.testing.assert_array_equal(read_depth(path, "inverse"), depth)
    path.write_bytes(b"Pf 17 13\n1.0\n" + depth[::-1].astype(">f4").tobytes())
    np.testing.assert_array_equal(read_depth(path, "inverse"), depth)
    path.write_bytes(b"PF\n17 13\n-1.0\n" + np.dstack([depth] * 3)[::-1].astype("<f4").tobytes())
    np.testing.assert_array_equal(read_depth(path, "inverse"), depth)
    path = tmp_path / "d.tiff"
    for compression in (1, 5, 8):  # none, LZW, deflate
        assert cv2.imwrite(str(path), depth, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
        np.testing.assert_array_equal(read_depth(path, "inverse"), depth)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", "u2", "i2", "u4", "i4"])
@pytest.mark.parametrize("order", "<>")
def test_number_types(save: Save, rng: np.random.Generator, dtype: str, order: str) -> None:
    values = rng.integers(0, 100, (5, 8)).astype(order + dtype)
    expected = values.astype(np.float32)
    for array in (values, np.asfortranarray(values), values[None], values[..., None]):
        buffer = io.BytesIO()
        np.save(buffer, array)
        np.testing.assert_array_equal(read_depth(save(buffer.getvalue()), "inverse"), expected)
    for compression in (None, "zlib"):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, values, byteorder=order, compression=compression)
        np.testing.assert_array_equal(read_depth(save(buffer.getvalue()), "inverse"), expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_gray_pictures(save: Save, rng: np.random.Generator, bits: int) -> None:
    values = rng.integers(0, 2**bits, (6, 9, 1))
    np.testing.assert_array_equal(read_depth(save(png(values, bits, 0)), "inverse"), values[..., 0])
    for channels, colour_type in ((3, 2), (4, 6)):
        path = save(png(values.repeat(channels, axis=2), bits, colour_type))
        np.testing.assert_array_equal(read_depth(path, "inverse"), values[..., 0])


def test_colour_maps_are_refused(save: Save, smooth: np.ndarray) -> None:
    palette = Image.fromarray(smooth).quantize(16)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, smooth.astype(np.float32), photometric="rgb")
    pfm = b"PF\n53 37\n-1\n" + smooth.astype("<f4").tobytes()
    coloured = [encoded(smooth, f) for f in ("PNG", "JPEG", "TIFF")]
    for data in (*coloured, encoded(palette, "PNG"), buffer.getvalue(), pfm):
        with pytest.raises(InputFileError, match="one channel"):
            read_depth(save(data), "inverse")


def test_gray_jpeg_is_accepted(save: Save, smooth: np.ndarray) -> None:
    data = encoded(np.dstack([smooth[..., 0]] * 3), "JPEG", quality=98)
    assert np.abs(read_depth(save(data), "inverse") - smooth[..., 0]).mean() < 2


def npz(**contents: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **contents)
    return buffer.getvalue()


def test_npz_keys(save: Save, depth: np.ndarray) -> None:
    for contents in ({"depth": depth}, {"anything": depth}, {"depth": depth, "focal": 3.0}):
        np.testing.assert_array_equal(read_depth(save(npz(**contents)), "inverse"), depth)
    with pytest.raises(InputFileError, match="expected an array named 'depth', found a, b"):
        read_depth(save(npz(a=depth, b=depth)), "inverse")
    several = save(npz(pred=depth, conf=depth * 0 + 1, depth=depth + 1))
    np.testing.assert_array_equal(read_depth(several, "inverse", channel="pred"), depth)
    with pytest.raises(InputFileError, match="an array named 'disp', found conf, depth, pred; say"):
        read_depth(several, "inverse", channel="disp")


def test_maps_without_a_known_pixel_are_refused(save: Save) -> None:
    for value in (np.nan, np.inf):
        with pytest.raises(InputFileError, match="no known pixel"):
            read_depth(save(npz(depth=np.full((2, 3), value))), "inverse")
    with pytest.raises(InputFileError, match="no known pixel"):
        read_depth(save(encoded(np.zeros((2, 3), np.uint8), "PNG")), "depth")


def test_damaged_scale_is_reported(save: Save) -> None:
    for text in ({"kind": "inverse"}, {"kind": "x", "low": "0", "high": "1"}):
        chunks = [(b"tEXt", f"maskdepth.{k}\0{v}".encode()) for k, v in text.items()]
        with pytest.raises(InputFileError, match="scale in the text chunks is damaged"):
            read_depth(save(png(np.ones((2, 3, 1), int), 16, 0, before=chunks)), "inverse")


def test_formats_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: np.ndarray
) -> None:
    with pytest.raises(UsageError, match="not one of keep, png16, tiff"):
        write_depth(tmp_path / "d.jpg", depth, format="jpg")
    monkeypatch.setattr("maskdepth_cli.files.exr.can_write_exr", lambda: False)
    with pytest.raises(UsageError, match=r"OpenEXR is not installed: pip install"):
        write_depth(tmp_path / "d.exr", depth, format="exr")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["inverse", "depth"])
def test_the_documented_recipe_restores_the_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    page = Path(__file__).parents[2] / "docs" / "formats.md"
    recipe = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    inverse = np.array([[0.5, 2, 1, np.nan], [0, 0.25, 4, 1]], np.float32)
    write_depth(tmp_path / "depth.png", inverse, format="png16", kind=kind, png_range=(0, 4))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(recipe, page.name, "exec"), names)
    expected = inverse
    if kind == "depth":
        with np.errstate(divide="ignore"):
            expected = 1 / inverse
    np.testing.assert_allclose(names["depth"], expected, atol=4 / 65535 * 1.001)
