"""The chunks of a PNG file: what no library gives, text before the pixels and a quiet stream.

Chunk layout: W3C Portable Network Graphics specification, third edition, section 5.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = len(SIGNATURE) + 12 + 13  # IHDR is first and 13 bytes long


@dataclass(frozen=True)
class PngFacts:
    """What the chunks outside the pixel data say.

    Attributes
    ----------
    bits : int
        Bits per sample.
    colour_type : int
        0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGB with alpha.
    text : dict of str to str
        The uncompressed text chunks, before or after the pixels.
    exif : bytes
        The Exif block, empty if there is none.
    """

    bits: int
    colour_type: int
    text: dict[str, str]
    exif: bytes


def scan(stream: BinaryIO) -> PngFacts:
    """Walk over the chunks without reading pixel data.

    Raises
    ------
    ValueError
        If a chunk is malformed or the file ends before its IEND chunk.
    """
    header, text, exif = b"", {}, b""
    for name, length in _chunks(stream):
        if name == b"IHDR" and length == 13:
            header = stream.read(length)
        elif name == b"tEXt" and length < 1 << 16:
            keyword, _, value = stream.read(length).partition(b"\0")
            text[keyword.decode("latin-1")] = value.decode("latin-1")
        elif name == b"eXIf" and length < 1 << 20:
            exif = stream.read(length)
    if len(header) != 13:
        raise ValueError("no image header")
    return PngFacts(header[8], header[9], text, exif)


def pixel_stream(stream: BinaryIO) -> bytes:
    """Return the file reduced to IHDR, IDAT and IEND, checksums verified.

    libpng writes its complaints about other chunks straight to the terminal; it never sees them.

    Raises
    ------
    ValueError
        If a checksum is wrong or the file ends early.
    """
    parts = [SIGNATURE]
    for name, length in _chunks(stream):
        if name in (b"IHDR", b"IDAT", b"IEND"):
            data = stream.read(length)
            check = stream.read(4)
            if len(check) < 4 or struct.unpack(">I", check)[0] != zlib.crc32(
                data, zlib.crc32(name)
            ):
                raise ValueError(f"wrong checksum in chunk {name.decode()}")
            parts += [struct.pack(">I", length), name, data, check]
    return b"".join(parts)


def insert_text(encoded: bytes, text: Mapping[str, str]) -> bytes:
    """Return a PNG file with `text` added as tEXt chunks right after its header.

    Parameters
    ----------
    encoded : bytes
        A PNG file.
    text : mapping of str to str
        Keywords (1 to 79 characters) and values, both Latin-1.
    """
    chunks = [
        _chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1"))
        for key, value in text.items()
    ]
    return b"".join([encoded[:_HEADER_END], *chunks, encoded[_HEADER_END:]])


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


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
