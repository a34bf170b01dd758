"""The item table of an HEIF file (ISO/IEC 14496-12, 8.11; 23008-12, 6 and 9), and its bytes.

Only what refers to items is understood; every other box is carried over byte for byte.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from mmap import mmap
from typing import TypeAlias

Bytes: TypeAlias = bytes | mmap

FULL = 4
"""Bytes of version and flags."""


@dataclass
class Place:
    """Where an item's bytes lie.

    Attributes
    ----------
    method : int
        0: offsets count from the file's start; 1: from that of the ``idat`` box.
    extents : list of tuple of int
        Offset and length of each piece.
    """

    method: int
    extents: list[tuple[int, int]]


@dataclass
class Reference:
    """From one item to others: ``auxl``, ``cdsc``, ``dimg``, ``thmb``."""

    kind: bytes
    source: int
    targets: list[int]


@dataclass
class Items:
    """The item table of a file, to be changed in place.

    Attributes
    ----------
    whole : bytes
        The file.
    start, end : int
        Where its ``meta`` box lies.
    others : list of tuple
        Type and bytes of the boxes in ``meta`` that are carried over.
    primary : int
        The photo itself.
    kinds : dict of int to bytes
        Each item's ``infe`` box.
    places : dict of int to Place
        Where each item lies.
    references : list of Reference
        All of them.
    properties : list of bytes
        The property boxes; associations count from 1.
    owned : dict of int to list of tuple
        Of each item, its properties: number, and whether it is essential.
    """

    whole: Bytes
    start: int
    end: int
    others: list[tuple[bytes, bytes]] = field(default_factory=list)
    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    properties: list[bytes] = field(default_factory=list)
    owned: dict[int, list[tuple[int, bool]]] = field(default_factory=dict)

    def auxiliary_type(self, item: int) -> str:
        """Return the URN of an auxiliary picture, empty where it has none."""
        for box in self.properties_of(item, b"auxC"):
            return box[8 + FULL :].split(b"\0", 1)[0].decode("latin-1")
        return ""

    def properties_of(self, item: int, kind: bytes) -> list[bytes]:
        """Return an item's property boxes of one type."""
        boxes = [self.properties[number - 1] for number, _ in self.owned.get(item, ())]
        return [box for box in boxes if box[4:8] == kind]

    def auxiliaries(self) -> list[int]:
        """Return the auxiliary pictures of the photo."""
        return [
            one.source
            for one in self.references
            if one.kind == b"auxl" and self.primary in one.targets
        ]

    def descriptions(self, item: int) -> list[int]:
        """Return the metadata items that describe an item."""
        return [
            one.source for one in self.references if one.kind == b"cdsc" and item in one.targets
        ]

    def data(self, item: int) -> bytes:
        """Return an item's bytes.

        Raises
        ------
        ValueError
            If they lie in another file, or beyond this one.
        """
        place = self.places.get(item)
        if place is None or place.method > 1:
            raise ValueError("an item's bytes are not in the file")
        source = self.whole
        if place.method == 1:
            source = next((box[8:] for kind, box in self.others if kind == b"idat"), b"")
        pieces = []
        for offset, length in place.extents:
            piece = source[offset : offset + length] if length else source[offset:]
            if length and len(piece) != length:
                raise ValueError("the file ends early")
            pieces.append(piece)
        return b"".join(pieces)

    def add_property(self, item: int, box: bytes, essential: bool = False) -> None:
        """Give an item a property of its own."""
        self.properties.append(box)
        self.owned.setdefault(item, []).append((len(self.properties), essential))

    def encode(self, added: dict[int, bytes]) -> bytes:
        """Return the file with new bytes for the items of `added`, at its end."""
        payload = b"".join(added.values())
        meta = self._meta(added, 0, 0)  # its length does not depend on the offsets
        shift = self.start + len(meta) - self.end
        meta = self._meta(added, shift, len(self.whole) + shift + 8)
        before, after = self.whole[: self.start], self.whole[self.end :]
        return before + meta + after + box(b"mdat", payload)

    def _meta(self, added: dict[int, bytes], shift: int, start: int) -> bytes:
        inner = [data for _, data in self.others]
        infos = b"".join(self.kinds.values())
        inner.append(box(b"iinf", struct.pack(">II", 1 << 24, len(self.kinds)) + infos))
        wide = any(item > 0xFFFF for item in self.kinds)
        inner.append(
            full_box(b"pitm", int(wide), struct.pack(">I" if wide else ">H", self.primary))
        )
        if self.references:
            code = ">I" if wide else ">H"
            data = b"".join(
                box(
                    one.kind,
                    struct.pack(code, one.source)
                    + struct.pack(">H", len(one.targets))
                    + b"".join(struct.pack(code, target) for target in one.targets),
                )
                for one in self.references
            )
            inner.append(full_box(b"iref", int(wide), data))
        inner.append(self._properties(wide))
        inner.append(self._locations(added, shift, start))
        return full_box(b"meta", 0, b"".join(inner))

    def _properties(self, wide: bool) -> bytes:
        data = struct.pack(">I", len(self.owned))
        for item, owned in sorted(self.owned.items()):
            data += struct.pack(">IB" if wide else ">HB", item, len(owned))
            data += b"".join(
                struct.pack(">H", number | essential << 15) for number, essential in owned
            )
        association = box(b"ipma", struct.pack(">I", int(wide) << 24 | 1) + data)
        return box(b"iprp", box(b"ipco", b"".join(self.properties)) + association)

    def _locations(self, added: dict[int, bytes], shift: int, start: int) -> bytes:
        places = dict(self.places)
        for item, payload in added.items():
            places[item] = Place(0, [(start - shift, len(payload))])
            start += len(payload)
        # Four bytes an offset, as cameras write, unless they do not suffice.
        large = start >= 1 << 32 or max(self.kinds) > 0xFFFF
        count, item_code, code = ("I", "I", "Q") if large else ("H", "H", "I")
        data = struct.pack(f">BB{count}", 0x88 if large else 0x44, 0x00, len(self.kinds))
        for item in self.kinds:
            place = places.get(item, Place(0, []))
            extents = len(place.extents)
            data += struct.pack(f">{item_code}HHH", item, place.method, 0, extents)
            for offset, length in place.extents:
                # What lies before the item table stays where it is.
                stays = place.method or 0 <= offset < self.start
                moved = offset if stays else offset + shift
                data += struct.pack(f">2{code}", moved, length)
        return full_box(b"iloc", 2 if large else 1, data)


def box(kind: bytes, data: bytes) -> bytes:
    """Return a box."""
    return struct.pack(">I4s", len(data) + 8, kind) + data


def full_box(kind: bytes, version: int, data: bytes, flags: int = 0) -> bytes:
    """Return a box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags) + data)
