"""What a JPEG file's markers say: where its pixels begin, and how often they are gone over.

Marker layout: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re

MOST_SCANS = 500
"""Encoders make about ten; each scan of a progressive file goes over all pixels again, however few
bytes it has. The figure is that of libjpeg-turbo's own tests of hostile files."""

_END, _SCAN = 0xD9, 0xDA
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not a stuffed byte, a restart or a filler


def check_scans(data: bytes) -> None:
    """Refuse a progressive JPEG of very many scans before it is decoded.

    Raises
    ------
    ValueError
        It has more than `MOST_SCANS`.
    """
    scans, position = 0, 2
    while found := _MARKER.search(data, position):
        marker, position = data[found.end() - 1], found.end()
        if marker == _END:
            break
        scans += marker == _SCAN
        if scans > MOST_SCANS:
            raise ValueError(f"a progressive JPEG of more than {MOST_SCANS} scans")
        position += int.from_bytes(data[position : position + 2], "big")


def scan_start(data: bytes) -> int:
    """Return where the pixel data begins: end markers before it belong to thumbnails."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != _SCAN:
        if data[position + 1] == 0xFF:  # fill byte
            position += 1
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return position
