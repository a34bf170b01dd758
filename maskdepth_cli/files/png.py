"""The chunks of a PNG file: what no library gives, quick files of 16 bits and a quiet stream.

Chunk layout: W3C Portable Network Graphics specification, third edition, section 5.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import strips
from maskdepth_cli.files import libraries

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_UP, _LAST_FILTER = 2, 4  # the row above is subtracted; Paeth
_STRIP = 1 << 20  # bytes that are deflated at once
_LONGEST_CHUNK = 1 << 30
_LONGEST_TEXT, _LONGEST_EXIF = 1 << 16, 1 << 20


@dataclass(frozen=True)
class PngFacts:
    """What the chunks outside the pixel data say.

    Attributes
    ----------
    width, height : int
        Size as stored.
    bits : int
        Bits per sample.
    colour_type : int
        0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGB with alpha.
    interlaced : bool
        Whether the rows come in Adam7's seven passes.
    text : dict of str to str
        The uncompressed text chunks, before or after the pixels.
    exif : bytes
        The Exif block, empty if there is none.
    """

    width: int
    height: int
    bits: int
    colour_type: int
    interlaced: bool
    text: dict[str, str]
    exif: bytes

    def passes(self) -> Iterator[tuple[int, int]]:
        """Yield rows and bytes per row (with the filter byte) of each non-empty pass."""
        bits = self.bits * _CHANNELS[self.colour_type]
        for column, row, right, down in _ADAM7 if self.interlaced else ((0, 0, 1, 1),):
            width, height = -((column - self.width) // right), -((row - self.height) // down)
            if width > 0 and height > 0:
                yield height, 1 + (width * bits + 7) // 8


def scan(stream: BinaryIO) -> PngFacts:
    """Walk over the chunks without reading pixel data.

    Raises
    ------
    ValueError
        If a chunk is malformed or the file ends before its IEND chunk.
    """
    header, text, exif = b"", {}, b""
    for name, length in _chunks(stream):
        if name == b"IHDR" and length == _HEADER.size:
            header = stream.read(length)
        elif name == b"tEXt" and length < _LONGEST_TEXT:
            keyword, _, value = stream.read(length).partition(b"\0")
            text[keyword.decode("latin-1")] = value.decode("latin-1")
        elif name == b"eXIf" and length < _LONGEST_EXIF:
            exif = stream.read(length)
    if not header:
        raise ValueError("no image header")
    width, height, bits, colour_type, _, _, interlace = _HEADER.unpack(header)
    if colour_type not in _CHANNELS or bits not in (1, 2, 4, 8, 16):
        raise ValueError("the image header is damaged")
    return PngFacts(width, height, bits, colour_type, interlace == 1, text, exif)


def pixel_stream(stream: BinaryIO, facts: PngFacts) -> bytes:
    """Return the file reduced to its pixels, checked, the rows filtered but not compressed.

    libpng writes complaints about any chunk straight to the terminal. Nothing is left to complain
    about here, and as inflating is the larger part of decoding, done once, it costs little.

    Raises
    ------
    ValueError, or the error of the library that inflates
        If a checksum is wrong, or there are fewer or more pixels than the header says.
    """
    passes = list(facts.passes())
    expected = sum(rows * length for rows, length in passes)
    inflate, rows = libraries.deflate().decompressobj(), bytearray()
    header = b""
    for name, length in _chunks(stream):
        if name not in (b"IHDR", b"IDAT"):
            continue
        data, check = stream.read(length), stream.read(4)
        if check != _checksum(name, data):
            raise ValueError(f"wrong checksum in chunk {name.decode()}")
        if name == b"IHDR":
            header = data
        elif len(rows) <= expected:
            rows += inflate.decompress(data, expected + 1 - len(rows))
    if len(rows) != expected or not inflate.eof:
        raise ValueError("the header's size is not that of the pixel data")
    _check_filters(rows, passes)
    pixels = memoryview(zlib.compress(rows, 0))
    parts: list[bytes | memoryview] = [SIGNATURE, *_chunk(b"IHDR", header)]
    for start in range(0, len(pixels), _LONGEST_CHUNK):
        parts += _chunk(b"IDAT", pixels[start : start + _LONGEST_CHUNK])
    return b"".join([*parts, *_chunk(b"IEND", b"")])


def _check_filters(rows: bytearray, passes: Sequence[tuple[int, int]]) -> None:
    start = 0
    for count, length in passes:
        if max(rows[start : start + count * length : length]) > _LAST_FILTER:
            raise ValueError("unknown row filter")
        start += count * length


def encode_gray16(codes: NDArray[np.uint16], text: Mapping[str, str]) -> bytes:
    """Encode a map as a gray PNG of 16 bits, text before the pixels.

    Every row is stored as its difference to the one above, which suits maps that vary smoothly:
    quantising included, a quarter of the time of OpenCV's encoder alone, and an eighth less space
    (docs/performance.md).

    Parameters
    ----------
    codes : ndarray
        uint16 (H, W), or with alpha (H, W, 2).
    text : mapping of str to str
        Keywords (1 to 79 characters) and values, both Latin-1, for tEXt chunks.
    """
    height, width = codes.shape[:2]
    length = 2 * codes[0].size  # bytes of a row
    parts: list[bytes | memoryview] = [SIGNATURE]
    colour_type = 0 if codes.ndim == 2 else 4
    parts += _chunk(b"IHDR", _HEADER.pack(width, height, 16, colour_type, 0, 0, 0))
    for key, value in text.items():
        parts += _chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1"))
    deflate = libraries.deflate().compressobj(1)
    above = np.zeros(length, np.uint8)
    for place in strips(0, height, _STRIP // length):
        part = np.ascontiguousarray(codes[place], ">u2").reshape(-1, length // 2)
        samples = part.view(np.uint8)  # (rows, length)
        rows = np.empty((len(samples), 1 + length), np.uint8)
        rows[:, 0] = _UP
        np.subtract(samples[0], above, out=rows[0, 1:])
        np.subtract(samples[1:], samples[:-1], out=rows[1:, 1:])
        above = samples[-1]
        if data := deflate.compress(rows):
            parts += _chunk(b"IDAT", data)
    parts += _chunk(b"IDAT", deflate.flush())
    return b"".join([*parts, *_chunk(b"IEND", b"")])


def _chunk(name: bytes, data: bytes | memoryview) -> tuple[bytes, bytes, bytes | memoryview, bytes]:
    return struct.pack(">I", len(data)), name, data, _checksum(name, data)


def _checksum(name: bytes, data: bytes | memoryview) -> bytes:
    return struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield name and length of each chunk, the stream standing at its data."""
    stream.seek(0, 2)
    size = stream.tell()
    position = len(SIGNATURE)
    while position + 12 <= size:
        stream.seek(position)
        length, name = struct.unpack(">I4s", stream.read(8))
        position += 12 + length
        if position > size:
            break
        yield name, length
        if name == b"IEND":
            return
    raise ValueError("the file ends early")
