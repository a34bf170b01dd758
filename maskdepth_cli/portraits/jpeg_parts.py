"""JPEG files as their parts: segments, the packets of XMP, further frames after the first."""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass, replace
from mmap import mmap
from typing import TypeAlias

from maskdepth_cli.portraits.xmp import NOTE, Packet

Bytes: TypeAlias = bytes | mmap
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_MPF, _SOI = b"MPF\0", b"\xff\xd8"
_LARGEST = 65533  # bytes of a segment beside its marker and length
_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_STANDALONE = (0x01, *range(0xD0, 0xD9))
APP1, APP2, SOS, EOI = 0xE1, 0xE2, 0xDA, 0xD9


@dataclass(frozen=True)
class Segment:
    """A marker segment; `data` follows the length."""

    marker: int
    data: bytes

    def encode(self) -> bytes:
        """Return marker, length and data."""
        return struct.pack(">BBH", 0xFF, self.marker, len(self.data) + 2) + self.data


@dataclass(frozen=True)
class Frame:
    """A further picture in the file, as its multi-picture index lists it (CIPA DC-007).

    Attributes
    ----------
    attribute : int
        The index's own word for what it is.
    data : bytes
        A whole JPEG.
    """

    attribute: int
    data: bytes


@dataclass(frozen=True)
class Parts:
    """One JPEG with what follows it.

    Attributes
    ----------
    segments : tuple of Segment
        Up to the first scan.
    scans : bytes
        From the first scan to the end-of-image marker.
    frames : tuple of Frame
        What the multi-picture index lists after the first picture.
    rest : bytes
        What follows the first picture and is in no frame.
    attribute : int
        The index's word for the first picture.
    tail : bytes
        Frames and rest as they lie in the file.
    """

    segments: tuple[Segment, ...]
    scans: bytes
    frames: tuple[Frame, ...] = ()
    rest: bytes = b""
    attribute: int = 0x030000
    tail: bytes = b""

    def packet(self) -> Packet | None:
        """Return the main XMP packet."""
        for one in self.segments:
            if one.marker == APP1 and one.data.startswith(_XMP):
                return Packet(one.data[len(_XMP) :])
        return None

    def extension(self, main: Packet | None) -> Packet | None:
        """Return the extended packet that the main one names.

        Raises
        ------
        ValueError
            If bytes of it are missing.
        """
        name = main.text(NOTE, "HasExtendedXMP") if main else None
        if not name:
            return None
        chunks: dict[int, bytes] = {}
        total = 0
        for one in self.segments:
            if one.marker != APP1 or not one.data.startswith(_EXTENSION):
                continue
            head = one.data[len(_EXTENSION) :]
            if head[:32].decode("latin-1").upper() == name.upper():
                total, offset = struct.unpack(">II", head[32:40])
                chunks[offset] = head[40:]
        data = b"".join(chunks[offset] for offset in sorted(chunks))
        if not chunks or len(data) != total:
            raise ValueError(f"its extended XMP has {len(data)} of {total} bytes")
        return Packet(data)

    def with_packets(self, main: Packet, extension: Packet | None) -> Parts:
        """Return the picture with these packets in place of its own.

        Raises
        ------
        ValueError
            If the main packet does not fit into one segment.
        """
        new = []
        if extension is not None:
            data = extension.encode()
            name = hashlib.md5(data, usedforsecurity=False).hexdigest().upper()
            main.set(NOTE, {"HasExtendedXMP": name}, "xmpNote")
            room = _LARGEST - len(_EXTENSION) - 40
            for offset in range(0, len(data), room):
                head = name.encode() + struct.pack(">II", len(data), offset)
                new.append(Segment(APP1, _EXTENSION + head + data[offset : offset + room]))
        new.insert(0, Segment(APP1, _XMP + main.encode()))
        if len(new[0].data) > _LARGEST:
            raise ValueError("its XMP does not fit into one segment")
        kept = [one for one in self.segments if not _is_xmp(one)]
        place = next((i for i, one in enumerate(kept) if one.marker not in (0xE0, APP1)), len(kept))
        return replace(self, segments=(*kept[:place], *new, *kept[place:]))

    def encode(self) -> bytes:
        """Return the file; the index of further pictures is made anew."""
        segments = [one for one in self.segments if not _is_index(one)]
        if not self.frames:
            head = b"".join(one.encode() for one in segments)
            return _SOI + head + self.scans + self.rest
        place = next((i for i, one in enumerate(segments) if one.marker not in (0xE0, APP1)), 0)
        before = _SOI + b"".join(one.encode() for one in segments[:place])
        after = b"".join(one.encode() for one in segments[place:]) + self.scans
        origin = len(before) + 8  # the index counts from behind its own marker, length and name
        sizes = [len(frame.data) for frame in self.frames]
        first = len(before) + len(_index([0, *sizes], 0, self)) + len(after)
        index = _index([first, *sizes], first - origin, self)
        return before + index + after + b"".join(one.data for one in self.frames) + self.rest


def _is_xmp(segment: Segment) -> bool:
    return segment.marker == APP1 and segment.data.startswith((_XMP, _EXTENSION))


def _is_index(segment: Segment) -> bool:
    return segment.marker == APP2 and segment.data.startswith(_MPF)


def _index(sizes: list[int], offset: int, parts: Parts) -> bytes:
    attributes = [parts.attribute, *(frame.attribute for frame in parts.frames)]
    entries = b""
    for i, (attribute, size) in enumerate(zip(attributes, sizes, strict=True)):
        entries += struct.pack(">IIIHH", attribute, size, offset if i else 0, 0, 0)
        offset += size if i else 0
    tags = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    tags += struct.pack(">HHII", 0xB001, 4, 1, len(sizes))
    tags += struct.pack(">HHII", 0xB002, 7, len(entries), 8 + 2 + 3 * 12 + 4)
    table = struct.pack(">2sHIH", b"MM", 42, 8, 3) + tags + struct.pack(">I", 0) + entries
    return Segment(APP2, _MPF + table).encode()


def read_head(data: Bytes) -> Parts:
    """Read what lies before the first scan, and the further pictures; scans stay unread.

    Raises
    ------
    ValueError
        If it ends early.
    """
    segments, _, origin = _segments(data)
    frames = [
        Frame(attribute, bytes(data[begin:stop]))
        for attribute, begin, stop in _spans(data, origin)[1:]
    ]
    return Parts(segments, b"", tuple(frames))


def split(data: Bytes) -> Parts:
    """Take a JPEG apart.

    Raises
    ------
    ValueError
        If it ends early.
    """
    segments, start, origin = _segments(data)
    end = _end(data, start)
    scans, rest = data[start:end], data[end:]
    spans = _spans(data, origin)
    if len(spans) < 2:
        return Parts(segments, scans, rest=rest, tail=rest)
    if any(begin < end for _, begin, _ in spans[1:]):
        raise ValueError("its index names bytes of the first picture")
    frames = [Frame(attribute, data[begin:stop]) for attribute, begin, stop in spans[1:]]
    left, at = b"", end
    for _, begin, stop in sorted(spans[1:], key=lambda span: span[1]):
        left += data[at:begin]
        at = max(at, stop)
    return Parts(segments, scans, tuple(frames), left + data[at:], spans[0][0], rest)


def _spans(data: Bytes, origin: int) -> list[tuple[int, int, int]]:
    """Return attribute, begin and end of the pictures of the index.

    An index that names bytes which are not there counts for none: programs that shrink photos
    leave it behind.
    """
    spans = [
        (attribute, origin + offset if i else 0, origin + offset + size if i else size)
        for i, (attribute, size, offset) in enumerate(_entries(data, origin) if origin else ())
    ]
    whole = all(data[begin : begin + 2] == _SOI and stop <= len(data) for _, begin, stop in spans)
    return spans if whole else []


def _segments(data: Bytes) -> tuple[tuple[Segment, ...], int, int]:
    """Return the segments, where the first scan starts, and where the index counts from."""
    if data[:2] != _SOI:
        raise ValueError("not a JPEG")
    found: list[Segment] = []
    at, origin = 2, 0
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if len(data) < at + 4 or data[at] != 0xFF:
            raise ValueError("the file ends early")
        marker = data[at + 1]
        if marker == SOS:
            return tuple(found), at, origin
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = Segment(marker, data[at + 4 : at + 2 + size])
        if size < 2 or len(segment.data) != size - 2:
            raise ValueError("the file ends early")
        if _is_index(segment) and not origin:
            origin = at + 8
        found.append(segment)
        at += 2 + size


def _end(data: Bytes, at: int) -> int:
    """Return where the picture ends, behind its last scan."""
    while True:
        marker = data[at + 1] if len(data) > at + 3 or data[at : at + 2] == b"\xff\xd9" else -1
        if marker == EOI:
            return at + 2
        if marker < 0:
            raise ValueError("the file ends early")
        if marker not in _STANDALONE:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == SOS or marker in _STANDALONE:
            found = _IN_SCAN.search(data, at)
            if found is None:
                raise ValueError("the file ends early")
            at = found.start()


def _entries(data: Bytes, origin: int) -> list[tuple[int, int, int]]:
    """Return attribute, size and offset of each picture of the index."""
    order = {b"MM": ">", b"II": "<"}.get(data[origin : origin + 2])
    if order is None:
        return []
    try:
        (first,) = struct.unpack_from(order + "I", data, origin + 4)
        (count,) = struct.unpack_from(order + "H", data, origin + first)
        for i in range(count):
            tag, _, size, value = struct.unpack_from(
                order + "HHII", data, origin + first + 2 + 12 * i
            )
            if tag == 0xB002:
                return [
                    struct.unpack_from(order + "III", data, origin + value + at)
                    for at in range(0, size - 15, 16)
                ]
    except struct.error:
        return []
    return []
