"""Small files that would take hours, gigabytes or the stack of a careless reader."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pictures import chunk, encoded
from PIL import Image

WHOLE = 48 << 20  # bytes inflated from a small file: far above what its pixels need


def png_of_gigapixels() -> bytes:
    """PNG that says 30000x30000 and has one megabyte of pixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    return _png(header, zlib.compress(bytes(1 << 20), 9))


def png_with_a_large_profile() -> bytes:
    """PNG of one pixel whose colour profile inflates to 48 MiB."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    profile = b"icc\0\0" + zlib.compress(bytes(WHOLE), 9)
    text = b"Comment\0\0" + zlib.compress(bytes(WHOLE), 9)
    extra = chunk(b"iCCP", profile) + chunk(b"zTXt", text) * 20
    return _png(header, zlib.compress(b"\0\0"), extra)


def _png(header: bytes, pixels: bytes, extra: bytes = b"") -> bytes:
    parts = [chunk(b"IHDR", header), extra, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg_of_gigapixels() -> bytes:
    """JPEG whose header says 65500x65500."""
    data = bytearray(encoded(Image.new("L", (16, 16)), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    struct.pack_into(">HH", data, at, 65_500, 65_500)
    return bytes(data)


def jpeg_of_many_scans(side: int = 8192, scans: int = 4000) -> bytes:
    """Progressive JPEG that goes over the same 67 megapixels thousands of times."""
    data = encoded(Image.new("L", (64, 64)), "JPEG", progressive=True)
    head = bytearray(data[: data.index(b"\xff\xda")])
    at = head.index(b"\xff\xc2") + 5
    struct.pack_into(">HH", head, at, side, side)
    # One code, of one bit: a run of 2^14 blocks without coefficients, plus 14 bits of its length.
    table = b"\xff\xc4" + struct.pack(">HB", 2 + 17 + 1, 0x10) + b"\1" + bytes(15) + b"\xe0"
    runs = -(-((side // 8) ** 2) // (2**15 - 1))
    bits = ("0" + "1" * 14) * runs
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 63, 0x00) + coded
    return bytes(head) + table + scan * scans + b"\xff\xd9"


def webp_of_gigapixels() -> bytes:
    """WebP whose extended header says 16384x16384 (its largest)."""
    still = encoded(Image.new("RGB", (16, 16)), "WEBP")[12:]
    size = (16_383).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + still
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pgm_of_gigapixels() -> bytes:
    """Netpbm picture whose header says 60000x60000."""
    return b"P5\n60000 60000\n255\n" + bytes(64)


def exr_of_gigapixels() -> bytes:
    """OpenEXR whose windows say 60000x60000."""

    def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
        return name + b"\0" + kind + b"\0" + struct.pack("<I", len(value)) + value

    window = struct.pack("<4i", 0, 0, 59_999, 59_999)
    channel = b"Z\0" + struct.pack("<iB3xii", 2, 0, 1, 1) + b"\0"
    return (
        b"\x76\x2f\x31\x01\2\0\0\0"
        + attribute(b"channels", b"chlist", channel)
        + attribute(b"dataWindow", b"box2i", window)
        + attribute(b"displayWindow", b"box2i", window)
        + bytes(65)
    )


def heic_of_gigapixels() -> bytes:
    """HEIC whose size boxes say 20000x20000."""
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64))).save(buffer)
    data = bytearray(buffer.getvalue())
    at = -1
    while (at := data.find(b"ispe", at + 1)) >= 0:
        struct.pack_into(">II", data, at + 8, 20_000, 20_000)
    return bytes(data)


def bmp_of_gigapixels() -> bytes:
    """BMP whose header says 40000x40000."""
    data = bytearray(encoded(Image.new("L", (16, 16)), "BMP"))
    struct.pack_into("<ii", data, 18, 40_000, 40_000)
    return bytes(data)


def tiff_of_gigapixels() -> bytes:
    """TIFF of 16000x16000 black pixels in some kilobytes."""
    return encoded(Image.new("1", (16_000, 16_000)), "TIFF", compression="group4")


def tiff_of_overlapping_tags(tags: int = 4000, shared: int = 1 << 20) -> bytes:
    """TIFF with thousands of tags whose values are the same megabyte: together 4 GiB."""
    start = 8
    values = start + 2 + 12 * (tags + 2) + 4
    entries = [struct.pack("<HHII", number, 4, 1, 16) for number in (256, 257)]
    for tag in range(1000, 1000 + tags):
        entries.append(struct.pack("<HHII", tag, 7, shared, values))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", start) + directory + bytes(shared)


def tiff_of_a_large_tile(side: int = 16_384) -> bytes:
    """TIFF of 16x16 pixels in one tile of 16384x16384, packed to 260 kilobytes."""
    pixels = zlib.compress(bytes(side * side), 9)
    tags = {
        256: 16,
        257: 16,
        258: 8,
        259: 8,
        262: 1,
        277: 1,
        322: side,
        323: side,
        325: len(pixels),
    }
    start = 8 + len(pixels)
    tags[324] = 8
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", start) + pixels + directory


def tiff_of_many_pages(pages: int = 300_000) -> bytes:
    """TIFF whose directories, six bytes each, form a long chain; the first one has no picture."""
    chain = (struct.pack("<HI", 0, 8 + 6 * (i + 1)) for i in range(pages))
    return b"II*\0" + struct.pack("<I", 8) + b"".join(chain) + bytes(6)


def tiff_that_points_at_itself() -> bytes:
    """TIFF whose next directory is the first one."""
    return b"II*\0" + struct.pack("<IHI", 8, 0, 8)


def npy_of_gigapixels() -> bytes:
    """Array whose header says 100000x100000."""
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 100000)}"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + bytes(64)


def npz_of_a_long_header(length: int = 1 << 30) -> bytes:
    """Archive whose array has a header of one gigabyte, in one megabyte."""
    start = b"\x93NUMPY\2\0" + struct.pack("<I", length - 1)
    return _packed({"depth.npy": (start, b" ", length)}, zipfile.ZIP_DEFLATED)


def npz_of_bzip2(length: int = 1 << 30) -> bytes:
    """Archive whose small array is followed by a gigabyte of zeros, in one kilobyte."""
    array = io.BytesIO()
    np.save(array, np.ones((4, 4)))
    return _packed({"depth.npy": (array.getvalue(), b"\0", length)}, zipfile.ZIP_BZIP2)


def _packed(files: dict[str, tuple[bytes, bytes, int]], packing: int) -> bytes:
    """Return an archive of files that each have a start and one byte that is repeated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing, compresslevel=9) as archive:
        for name, (start, byte, length) in files.items():
            with archive.open(name, "w") as file:
                file.write(start)
                for _ in range(length >> 20):
                    file.write(byte * (1 << 20))
    return buffer.getvalue()


def pfm_of_gigapixels() -> bytes:
    """Portable float map whose header says 100000x100000."""
    return b"Pf\n100000 100000\n-1\n" + bytes(64)


def hdf5_of_gigapixels() -> bytes:
    """HDF5 whose array has 100000x100000 pixels, none of them stored."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("dataset", (100_000, 100_000), "f4", chunks=(1000, 1000))
    return buffer.getvalue()


def safetensors_of(config: dict[str, Any]) -> bytes:
    """Weights with one number and a configuration."""
    header = {
        "__metadata__": {"config": json.dumps(config)},
        "x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4)


def safetensors_of_endless_layers() -> bytes:
    """Weights whose configuration asks for a billion layers."""
    return safetensors_of({"depths": [10**9] * 4})


def safetensors_of_wide_layers() -> bytes:
    """Weights whose configuration asks for a million channels."""
    return safetensors_of({"embed_dims": [2**20] * 4, "heads": [1] * 4})


def safetensors_of_deep_nesting() -> bytes:
    """Weights whose configuration is nested beyond any stack."""
    header = {"__metadata__": {"config": "[" * 100_000}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def checkpoint_that_inflates(length: int = 1 << 30) -> bytes:
    """Checkpoint whose only tensor has a gigabyte, packed into one megabyte."""
    import torch

    buffer = io.BytesIO()
    torch.save({"x": torch.zeros(4)}, buffer)
    with zipfile.ZipFile(buffer) as source:
        files = {
            name: (b"", b"\0", length) if name.endswith("data/0") else (source.read(name), b"", 0)
            for name in source.namelist()
        }
    return _packed(files, zipfile.ZIP_DEFLATED)


def checkpoint_of_one_number() -> bytes:
    """Checkpoint whose tensor says a million by a million, all of them the same four bytes."""
    import torch

    buffer = io.BytesIO()
    torch.save({"x": torch.zeros(1).expand(10**6, 10**6)}, buffer)
    return buffer.getvalue()


def manifest_of_deep_nesting() -> bytes:
    """Manifest of one line, nested beyond any stack."""
    return b"[" * 200_000 + b"\n"


def recipe_of_deep_nesting() -> bytes:
    """Recipe nested beyond any stack."""
    return b"x = " + b"[" * 100_000


def payload(target: Path) -> Any:
    """Return what makes a file when it is unpickled."""
    return _Payload(target)


class _Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


PICTURES: dict[str, Callable[[], bytes]] = {
    f"{build.__name__}.{suffix}": build
    for build, suffix in (
        (png_of_gigapixels, "png"),
        (png_with_a_large_profile, "png"),
        (jpeg_of_gigapixels, "jpg"),
        (jpeg_of_many_scans, "jpg"),
        (webp_of_gigapixels, "webp"),
        (pgm_of_gigapixels, "pgm"),
        (exr_of_gigapixels, "exr"),
        (heic_of_gigapixels, "heic"),
        (bmp_of_gigapixels, "bmp"),
        (tiff_of_gigapixels, "tif"),
        (tiff_of_overlapping_tags, "tif"),
        (tiff_of_a_large_tile, "tif"),
        (tiff_of_many_pages, "tif"),
        (tiff_that_points_at_itself, "tif"),
    )
}
ARRAYS: dict[str, Callable[[], bytes]] = {
    f"{build.__name__}.{suffix}": build
    for build, suffix in (
        (npy_of_gigapixels, "npy"),
        (npz_of_a_long_header, "npz"),
        (npz_of_bzip2, "npz"),
        (pfm_of_gigapixels, "pfm"),
    )
}
WEIGHTS: dict[str, Callable[[], bytes]] = {
    f"{build.__name__}.{suffix}": build
    for build, suffix in (
        (safetensors_of_endless_layers, "safetensors"),
        (safetensors_of_wide_layers, "safetensors"),
        (safetensors_of_deep_nesting, "safetensors"),
        (checkpoint_that_inflates, "pt"),
        (checkpoint_of_one_number, "pt"),
    )
}
