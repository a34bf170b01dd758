"""Broken and hostile files: a result or one line, within bounds, without noise."""

from __future__ import annotations

import io
import os
import pickle
import resource
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from pictures import chunk, encoded, every_kind, png, repaired
from PIL import Image, ImageFile

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.depth_writing import write_depth
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import image_size, read_image
from maskdepth_cli.files.masks import read_instance_map, read_mask

# Pytest lifts the filter that the package sets on Pillow's remarks.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "error::RuntimeWarning")

Save = Callable[..., Path]
READERS: dict[str, Callable[[Path], Any]] = {
    "image": read_image,
    "size": image_size,
    "mask": read_mask,
    "instances": read_instance_map,
    "inverse": lambda path: read_depth(path, "inverse"),
    "depth": lambda path: read_depth(path, "depth"),
}


def refused(path: Path, *readers: str) -> list[str]:
    """Check that the readers (all, if none is named) refuse a file; return their messages."""
    messages = []
    for name in readers or READERS:
        with pytest.raises(InputFileError) as failure:
            READERS[name](path)
        message = str(failure.value)
        assert "\n" not in message
        assert len(message) < 600
        messages.append(message)
    return messages


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One small file of every kind that is read."""
    found = every_kind()
    share = np.random.default_rng(3).random((24, 32))
    folder = tmp_path_factory.mktemp("seeds")
    for format in ("png16", "tiff", "npy", "npz", "pfm"):
        write_depth(folder / "d", share.astype(np.float32), format=format, extra={"weights": "x"})
        found[f"depth {format}"] = (folder / "d").read_bytes()
    return found


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    kind = rng.integers(5)
    place = int(rng.integers(len(out) if rng.random() < 0.5 else min(len(out), 150)))
    if kind == 0:
        del out[place:]
    elif kind == 1:
        del out[place : place + int(rng.integers(1, 30))]
    elif kind == 2:
        out[place:place] = rng.bytes(int(rng.integers(1, 30)))
    elif kind == 3:
        extremes = [
            b"\xff\xff\xff\xff",
            b"\x7f\xff\xff\xff",
            b"\0\0\0\0",
            b"\xff\xff\xff\x7f",
            b"\0\1",
        ]
        extreme = extremes[int(rng.integers(len(extremes)))]
        out[place : place + len(extreme)] = extreme
    else:
        for spot in rng.integers(0, len(out), int(rng.integers(1, 6))):
            out[spot] ^= 1 << int(rng.integers(8))
    changed = bytes(out)
    return repaired(changed) if data.startswith(b"\x89PNG") and rng.random() < 0.7 else changed


def test_every_truncation_is_an_error(save: Save, seeds: dict[str, bytes]) -> None:
    whole_or_less = {"bmp"}  # may end in padding
    for name, data in seeds.items():
        reader = "inverse" if name.startswith("depth") else "image"
        if name in ("integers",):
            reader = "instances"
        READERS[reader](save(data, "whole"))
        for share in (0.0, 0.1, 0.5, 0.9):
            refused(save(data[: int(len(data) * share)], "cut"), reader)
        if name not in whole_or_less and "tiff" not in name and name not in ("double", "tiles"):
            refused(save(data[:-1], "cut"), reader)


def test_what_is_no_picture(save: Save, tmp_path: Path) -> None:
    assert "the file is empty" in refused(save(b"", "empty.jpg"))[0]
    assert "not a JPEG, PNG" in refused(save(b"just text\n", "text.png"))[0]
    assert "no such file" in refused(tmp_path / "missing.png")[0].lower()
    folder = tmp_path / "folder.png"
    folder.mkdir()
    assert "is a folder" in refused(folder)[0]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        assert "not a regular file" in refused(tmp_path / "pipe.png")[0]
    (tmp_path / "loop.png").symlink_to("loop.png")
    refused(tmp_path / "loop.png")


def test_names_stay_on_one_line(save: Save, tmp_path: Path) -> None:
    for message in refused(save(b"", "two\nlines\x1b[31m.png")):
        assert "two\\nlines\\x1b[31m.png" in message


def bomb(width: int, height: int, kind: str) -> bytes:
    """A few hundred kilobytes at most that claim many pixels, all of them there."""
    if kind == "png":
        rows = zlib.compress(bytes((1 + width // 8) * height), 9)
        header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        parts = [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    image = Image.new("1" if kind == "TIFF" else "L", (width, height))
    settings = {"TIFF": {"compression": "group4"}, "JPEG": {"quality": 1}, "WEBP": {}}[kind]
    return encoded(image, kind, **settings)


@pytest.mark.parametrize(
    ("kind", "width", "height"),
    [("png", 16000, 16000), ("TIFF", 16000, 16000), ("JPEG", 3000, 3000), ("WEBP", 2000, 2000)],
)
def test_bombs_are_refused_by_their_header(
    save: Save, kind: str, width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(bomb(width, height, kind), "bomb.png")
    limit = min(200.0, width * height / 1e6 - 0.1)

    def decode(*_: object) -> None:
        pytest.fail("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    monkeypatch.setattr(cv2, "imdecode", decode)
    for read in (read_image, read_mask, read_instance_map, image_size):
        with pytest.raises(InputFileError, match=f"{width}x{height} pixels exceed the limit"):
            read(path, max_megapixels=limit)
    with pytest.raises(InputFileError, match="exceed the limit"):
        read_depth(path, "inverse", max_megapixels=limit)
    assert image_size(path, max_megapixels=300) == (width, height)


def test_array_bombs(save: Save) -> None:
    def npy(shape: str, dtype: str = "<f4") -> bytes:
        head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}".encode()
        return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head

    for shape in ("(100000, 100000)", "(1, 10000000000)", "(-5, 3)", "(5, 0)", "(0, 0)"):
        refused(save(npy(shape), "bomb.npy"), "mask", "instances", "inverse")
    for shape in ("(5,)", "()", "(2, 3, 4)", "(5, 5, 3)"):
        message = refused(save(npy(shape) + bytes(4096)), "inverse")[0]
        assert "expected one map of numbers" in message
    assert "truncated" in refused(save(npy("(1000, 1000)") + bytes(100)), "inverse")[0]
    for dtype in ("<c8", "|S4", "<M8[s]", "|V4"):
        refused(save(npy("(2, 2)", dtype) + bytes(64)), "inverse", "mask", "instances")

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("depth.npy", npy("(2, 2)") + bytes(50_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_depth(save(buffer.getvalue()), "inverse").shape == (2, 2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KiB

    for header in (
        b"Pf\n100000 100000\n-1\n",
        b"Pf\n-3 -4\n-1\n",
        b"Pf\n3 x\n-1\n",
        b"Pf\n" + b"1" * 99,
    ):
        refused(save(header + bytes(64)), "inverse")


@pytest.mark.parametrize("size", [(33, 24), (32, 25), (31, 24), (32, 23), (8323104, 24), (0, 24)])
@pytest.mark.parametrize("bits", [1, 8, 16])
def test_a_png_that_lies_about_its_size(
    save: Save, size: tuple[int, int], bits: int, capfd: pytest.CaptureFixture[str]
) -> None:
    samples = np.zeros((24, 32, 1), int)
    if bits == 1 and size == (31, 24):
        pytest.skip("31 and 32 bits take the same bytes")
    refused(save(png(samples, bits, 0, size=size)), "image", "mask")
    assert "".join(capfd.readouterr()) == ""


def test_a_tiff_that_inflates_beyond_its_size(save: Save) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((4, 4)), compression="zlib")
    data = buffer.getvalue()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        count_at = page.tags["StripByteCounts"].valueoffset
        offset_at = page.tags["StripOffsets"].valueoffset
    inflating = zlib.compress(bytes(50_000_000), 9)
    changed = bytearray(data + inflating)
    struct.pack_into("<I", changed, offset_at, len(data))
    struct.pack_into("<I", changed, count_at, len(inflating))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "more data than the size allows" in refused(save(bytes(changed)), "inverse")[0]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KiB


class Payload:
    """Makes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_pickles_in_arrays_are_not_run(save: Save, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    objects = np.array([[Payload(target)]], dtype=object)
    npy, npz = io.BytesIO(), io.BytesIO()
    np.save(npy, objects, allow_pickle=True)
    np.savez(npz, depth=objects, kind=objects)
    mixed = io.BytesIO()
    np.savez(mixed, depth=np.ones((2, 2)), kind=objects)
    for data in (npy.getvalue(), npz.getvalue(), pickle.dumps(Payload(target))):
        refused(save(data), "mask", "instances", "inverse")
    read_depth(save(mixed.getvalue()), "inverse")
    assert not target.exists()
    with np.load(io.BytesIO(mixed.getvalue()), allow_pickle=True) as archive:
        archive["kind"]
    assert target.exists()  # the payload does work


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (1, 65535)])
def test_extreme_shapes_are_read(save: Save, shape: tuple[int, int]) -> None:
    gray = np.full(shape, 200, np.uint8)
    for format in ("PNG", "BMP", "TIFF", "JPEG") + (("WEBP",) if max(shape) < 16384 else ()):
        if format == "JPEG" and max(shape) > 65500:
            continue  # libjpeg's limit
        path = save(encoded(gray, format), "p")
        assert read_image(path).shape == (*shape, 3)
        assert read_mask(path).shape == shape
        assert read_depth(path, "inverse").shape == shape


def test_pillows_own_limit_follows_the_callers(
    save: Save, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for format in ("PNG", "TIFF", "WEBP", "BMP", "JPEG"):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        path = save(encoded(Image.new("P" if format == "PNG" else "RGB", (40, 30)), format))
        assert read_image(path).shape == (30, 40, 3)
    assert not recwarn.list


def test_a_command_keeps_stderr_for_itself(save: Save, smooth: np.ndarray) -> None:
    data = bytearray(encoded(smooth, "JPEG"))
    data[-40:-20] = b"\xff\xd3" * 10
    code = """
import sys
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.terminal import own_stderr
for _ in range(2):
    with own_stderr():
        read_image(sys.argv[1])
        print("from Python", file=sys.stderr)
print("after", file=sys.stderr)
import os
os.write(2, b"descriptor\\n")
"""
    path = save(bytes(data), "corrupt.jpg")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["from Python", "from Python", "after", "descriptor"]
    plain = "import sys; from maskdepth_cli.files.images import read_image; read_image(sys.argv[1])"
    noisy = subprocess.run([sys.executable, "-c", plain, path], capture_output=True, text=True)
    assert "Corrupt JPEG" in noisy.stderr  # else this test shows nothing
