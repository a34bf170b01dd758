"""Netpbm pictures, .pbm .pgm .ppm: their samples as they are stored.

Not through Pillow or OpenCV: one spreads samples over its own range, so that depth and ids of 12
bits change, the other passes over missing rows.

Format: the manual pages pbm(5), pgm(5) and ppm(5) of Netpbm.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.files.facts import Header

_LONGEST_TOKEN = 32
_LONGEST_COMMENT = 1 << 16
_PLAIN = 3  # P1 to P3 are text
_BITMAPS = (1, 4)
_CHANNELS = {1: 1, 2: 1, 3: 3, 4: 1, 5: 1, 6: 3}


def read_netpbm_header(stream: BinaryIO) -> Header:
    """Read magic, size and white; the stream stands at the samples afterwards.

    Raises
    ------
    ValueError
        If they are malformed.
    """
    stream.seek(0)
    kind = int(stream.read(2)[1:])
    width, height = (int(_token(stream)) for _ in range(2))
    white = 1 if kind in _BITMAPS else int(_token(stream))
    if not 1 <= white <= 65535:
        raise ValueError(f"a white of {white}")
    mode = "RGB" if _CHANNELS[kind] == 3 else "L"
    return Header("PNM", width, height, 1, mode, white.bit_length(), white=white)


def decode_netpbm(stream: BinaryIO) -> NDArray[Any]:
    """Decode a whole file, (H, W) or (H, W, 3), uint8 or uint16; of a bitmap, 1 is white.

    Raises
    ------
    ValueError
        If samples are missing or above white.
    """
    header = read_netpbm_header(stream)
    at = stream.tell()
    stream.seek(1)
    kind = int(stream.read(1))
    stream.seek(at)
    channels, white = _CHANNELS[kind], int(header.white or 1)
    shape = (header.height, header.width) + ((3,) if channels == 3 else ())
    count = header.width * header.height * channels
    stored = np.dtype(np.uint8 if white < 256 else ">u2")
    if kind <= _PLAIN:
        samples = _plain_samples(stream.read(), count, bitmap=kind in _BITMAPS)
    elif kind in _BITMAPS:
        row = (header.width + 7) // 8
        packed = np.frombuffer(stream.read(row * header.height), np.uint8)
        samples = np.unpackbits(packed.reshape(header.height, row), axis=1)[:, : header.width]
    else:
        samples = np.frombuffer(stream.read(count * stored.itemsize), stored)
    if samples.size != count:
        raise ValueError("the file is truncated")
    if samples.max() > white:
        raise ValueError(f"samples above its white, {white}")
    if kind in _BITMAPS:
        samples = 1 - samples
    return samples.reshape(shape).astype(stored.newbyteorder("="))


def _plain_samples(text: bytes, count: int, *, bitmap: bool) -> NDArray[Any]:
    """Return the samples of a text file; bits need no space between them."""
    if b"#" in text:
        text = b"\n".join(line.partition(b"#")[0] for line in text.split(b"\n"))
    if bitmap:
        digits = np.frombuffer(b"".join(text.split()), np.uint8)
        return digits[:count] - np.uint8(ord("0"))
    return np.array(text.split(maxsplit=count)[:count], dtype=np.uint32)


def _token(stream: BinaryIO) -> bytes:
    """Return the next word, one character of white space after it included, comments left out."""
    token = b""
    while len(token) < _LONGEST_TOKEN:
        byte = stream.read(1)
        if not byte:
            raise ValueError("the header is truncated")
        if byte == b"#":
            stream.readline(_LONGEST_COMMENT)
            byte = b"\n"
        if not byte.isspace():
            token += byte
        elif token:
            return token
    raise ValueError("the header is malformed")
