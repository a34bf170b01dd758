"""What the headers of an OpenEXR file say, read without a library: parts, windows, channels.

Layout: "OpenEXR File Layout" in the documentation of openexr.com.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_LONGEST_HEADER = 1 << 22
_MULTIPART = 0x1000
_CHANNEL = struct.Struct("<iB3xii")
_WINDOW = struct.Struct("<4i")


@dataclass(frozen=True)
class Window:
    """Pixels from `left`, `top` to `right`, `bottom`, both included."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left + 1

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top + 1


@dataclass(frozen=True)
class Part:
    """One picture of a file.

    Attributes
    ----------
    index : int
        Its place in the file.
    name : str
        Empty where it has none.
    channels : tuple of str
        Those of full resolution.
    data, display : Window
        Where there are pixels, and the picture's frame.
    deep : bool
        Whether pixels hold lists of samples.
    """

    index: int
    name: str
    channels: tuple[str, ...]
    data: Window
    display: Window
    deep: bool


def read_parts(stream: BinaryIO) -> tuple[Part, ...]:
    """Read the headers of all parts.

    Raises
    ------
    ValueError
        If they are malformed, or longer than any program writes.
    """
    stream.seek(0)
    header = stream.read(_LONGEST_HEADER)
    (version,) = struct.unpack_from("<I", header, 4)
    parts: list[Part] = []
    position = 8
    while header[position : position + 1] != b"\0":
        part, position = _part(header, position, len(parts))
        parts.append(part)
        if not version & _MULTIPART:
            break
    if not parts:
        raise ValueError("no header")
    return tuple(parts)


def _part(header: bytes, position: int, index: int) -> tuple[Part, int]:
    """Read the attributes of one part; return it and where the next one begins."""
    found: dict[str, bytes] = {}
    while header[position : position + 1] != b"\0":
        name, position = _text(header, position)
        kind, position = _text(header, position)
        (length,) = struct.unpack_from("<I", header, position)
        position += 4
        if position + length > len(header):
            raise ValueError("the header is truncated")
        found[f"{name}:{kind}"] = header[position : position + length]
        position += length
    try:
        data = Window(*_WINDOW.unpack(found["dataWindow:box2i"]))
        display = Window(*_WINDOW.unpack(found["displayWindow:box2i"]))
        channels = tuple(_channels(found["channels:chlist"]))
    except KeyError as error:
        raise ValueError(f"no {str(error.args[0]).partition(':')[0]} in the header") from error
    name = found.get("name:string", b"").decode("utf-8", "replace")
    deep = found.get("type:string", b"").startswith(b"deep")
    return Part(index, name, channels, data, display, deep), position + 1


def _channels(data: bytes) -> Iterator[str]:
    position = 0
    while data[position : position + 1] not in (b"\0", b""):
        name, position = _text(data, position)
        _, _, right, down = _CHANNEL.unpack_from(data, position)
        position += _CHANNEL.size
        if right == down == 1:
            yield name


def _text(data: bytes, position: int) -> tuple[str, int]:
    end = data.index(b"\0", position)
    return data[position:end].decode("utf-8", "replace"), end + 1
