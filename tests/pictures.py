"""Pictures of known content, encoded by other means than the package's own."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

Chunks = Sequence[tuple[bytes, bytes]]
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    samples: np.ndarray,
    bits: int,
    colour_type: int,
    *,
    interlaced: bool = False,
    before: Chunks = (),
    after: Chunks = (),
    size: tuple[int, int] | None = None,
) -> bytes:
    """Encode (H, W, C) integers as PNG with unfiltered rows, of any bit depth, by hand."""
    height, width = samples.shape[:2]

    def rows(part: np.ndarray) -> bytes:
        flat = part.reshape(part.shape[0], -1)
        spread = (flat[..., None].astype(np.uint32) >> np.arange(bits - 1, -1, -1)) & 1
        packed = np.packbits(spread.reshape(flat.shape[0], -1).astype(np.uint8), axis=1)
        return b"".join(b"\0" + row.tobytes() for row in packed)

    parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    data = b"".join(rows(part) for part in parts if part.size)
    header = struct.pack(
        ">IIBBBBB", *(size or (width, height)), bits, colour_type, 0, 0, interlaced
    )
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *(chunk(*c) for c in before),
            chunk(b"IDAT", zlib.compress(data)),
            *(chunk(*c) for c in after),
            chunk(b"IEND", b""),
        ]
    )


def encoded(array: np.ndarray | Image.Image, format: str, **settings: Any) -> bytes:
    """Encode with Pillow."""
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    buffer = io.BytesIO()
    image.save(buffer, format, **settings)
    return buffer.getvalue()


def every_kind() -> dict[str, bytes]:
    """One small file of every kind of picture."""
    import tifffile

    rng = np.random.default_rng(3)
    colour = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    gray, share = colour[..., 0], rng.random((24, 32))
    wide = colour.astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = 6
    found = {
        "jpeg": encoded(colour, "JPEG", exif=exif),
        "progressive": encoded(colour, "JPEG", progressive=True),
        "cmyk": encoded(Image.fromarray(colour).convert("CMYK"), "JPEG"),
        "png": encoded(colour, "PNG", exif=exif),
        "palette": encoded(Image.fromarray(colour).quantize(16), "PNG", transparency=b"\0\x80"),
        "bits": encoded(Image.fromarray(gray).convert("1"), "PNG"),
        "wide png": png(wide, 16, 2),
        "interlaced": png(gray[..., None], 8, 0, interlaced=True),
        "webp": encoded(colour, "WEBP"),
        "bmp": encoded(colour, "BMP"),
    }
    for compression in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits"):
        found[compression] = encoded(colour, "TIFF", compression=compression)
    for name, samples, settings in (
        ("wide tiff", wide, {"photometric": "rgb", "compression": "zlib"}),
        ("double", share, {"compression": "zlib"}),
        ("tiles", share, {"compression": "zlib", "tile": (16, 16)}),
        ("half", share.astype(np.float16), {}),
        ("integers", gray.astype(np.uint32), {}),
        ("big", share, {"bigtiff": True}),
    ):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, samples, **settings)
        found[name] = buffer.getvalue()
    return found


def repaired(data: bytes) -> bytes:
    """Recompute a PNG's checksums, so that damage gets past them."""
    out, position = bytearray(data[:8]), 8
    while position + 12 <= len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        if position + 12 + length > len(data):
            break
        body = data[position + 4 : position + 8 + length]
        out += struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body))
        position += 12 + length
    return bytes(out + data[position:])
