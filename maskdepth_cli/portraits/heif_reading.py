"""The item table of an HEIF file, read from its boxes."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from maskdepth_cli.portraits.heif_boxes import FULL, Bytes, Items, Place, Reference


def boxes(
    data: Bytes, start: int = 0, end: int | None = None
) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield type, start, start of the content and end of each box.

    Raises
    ------
    ValueError
        If a box ends beyond `end`.
    """
    end = len(data) if end is None else end
    while start < end:
        if end - start < 8:
            raise ValueError("the file ends early")
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        size = size or end - start
        if size < head or start + size > end:
            raise ValueError("the file ends early")
        yield kind, start, start + head, start + size
        start += size


def read_items(data: Bytes) -> Items:
    """Read the item table of a file.

    Raises
    ------
    ValueError
        If it has none, or it is damaged.
    """
    try:
        for kind, start, content, end in boxes(data):
            if kind == b"meta":
                items = Items(data, start, end)
                for inner in boxes(data, content + FULL, end):
                    _read_box(items, data, *inner)
                return items
    except (struct.error, IndexError) as error:
        raise ValueError("its item table is damaged") from error
    raise ValueError("it has no item table")


def _read_box(items: Items, data: Bytes, kind: bytes, start: int, content: int, end: int) -> None:
    reader = {
        b"pitm": _read_primary,
        b"iinf": _read_infos,
        b"iref": _read_references,
        b"iprp": _read_properties,
        b"iloc": _read_locations,
    }.get(kind)
    if reader is None:
        items.others.append((kind, data[start:end]))
    else:
        reader(items, data, content, end)


def _read_primary(items: Items, data: Bytes, at: int, end: int) -> None:
    (items.primary,) = struct.unpack_from(">I" if data[at] else ">H", data, at + FULL)


def _read_infos(items: Items, data: Bytes, at: int, end: int) -> None:
    at += FULL + (4 if data[at] else 2)
    for kind, start, content, stop in boxes(data, at, end):
        if kind == b"infe" and data[content] >= 2:
            code = ">H" if data[content] == 2 else ">I"
            (item,) = struct.unpack_from(code, data, content + FULL)
            items.kinds[item] = data[start:stop]


def _read_references(items: Items, data: Bytes, at: int, end: int) -> None:
    code, size = (">I", 4) if data[at] else (">H", 2)
    for kind, _, content, _ in boxes(data, at + FULL, end):
        (source,) = struct.unpack_from(code, data, content)
        (count,) = struct.unpack_from(">H", data, content + size)
        first = content + size + 2
        targets = [struct.unpack_from(code, data, first + size * i)[0] for i in range(count)]
        items.references.append(Reference(kind, source, targets))


def _read_properties(items: Items, data: Bytes, at: int, end: int) -> None:
    for kind, _, content, stop in boxes(data, at, end):
        if kind == b"ipco":
            items.properties = [data[s:e] for _, s, _, e in boxes(data, content, stop)]
        elif kind == b"ipma":
            _read_associations(items, data, content)


def _read_associations(items: Items, data: Bytes, at: int) -> None:
    version, wide = data[at], data[at + 3] & 1
    (count,) = struct.unpack_from(">I", data, at + FULL)
    at += FULL + 4
    for _ in range(count):
        (item,) = struct.unpack_from(">I" if version else ">H", data, at)
        at += 4 if version else 2
        number, at = data[at], at + 1
        for _ in range(number):
            (value,) = struct.unpack_from(">H" if wide else ">B", data, at)
            at += 2 if wide else 1
            top = 15 if wide else 7
            items.owned.setdefault(item, []).append((value & ~(1 << top), bool(value >> top)))


def _read_locations(items: Items, data: Bytes, at: int, end: int) -> None:
    version = data[at]
    sizes, more = data[at + 4], data[at + 5]
    widths = (sizes >> 4, sizes & 15, more >> 4, more & 15 if version else 0)
    at += 6

    def number(width: int) -> int:
        nonlocal at
        value = int.from_bytes(data[at : at + width], "big")
        at += width
        return value

    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        method = number(2) & 15 if version else 0
        number(2)  # of an external file
        base = number(widths[2])
        extents = []
        for _ in range(number(2)):
            number(widths[3])
            offset = base + number(widths[0])
            extents.append((offset, number(widths[1])))
        items.places[item] = Place(method, extents)
    if at > end:
        raise ValueError("its item table is damaged")
