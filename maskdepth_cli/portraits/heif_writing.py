"""Depth written into HEIF files, as an auxiliary picture with Apple's XMP."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.portraits import apple
from maskdepth_cli.portraits.depth_sei import uniform_disparity
from maskdepth_cli.portraits.heif_boxes import Items, Reference, box, full_box
from maskdepth_cli.portraits.heif_reading import read_items
from maskdepth_cli.portraits.heifs import description
from maskdepth_cli.portraits.scale import Coded
from maskdepth_cli.portraits.xmp import Packet

_QUALITY = 90
_URN = apple.DEPTH_URNS[0].encode() + b"\0"
_HIDDEN = 1
_OF_THE_PICTURE = (b"hvcC", b"ispe", b"pixi", b"auxC", b"clap", b"colr")


def write(data: bytes, depth: Coded, own: bool) -> bytes:
    """Return a HEIF file with depth; what else it holds stays byte for byte.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    items = read_items(data)
    item = next(
        (one for one in items.auxiliaries() if items.auxiliary_type(one) in apple.DEPTH_URNS), None
    )
    packet = description(items, item) if item is not None else None
    packet = packet or Packet.empty()
    apple.rewrite(packet, depth.low, depth.high, None if own else "relative")
    if item is None:
        item = _new_item(items, b"hvc1", b"")
        items.references.append(Reference(b"auxl", item, [items.primary]))
        items.owned[item] = _turns(items, items.primary)
    items.kinds[item] = _info(item, b"hvc1", b"")  # it may have been a grid of tiles
    items.references = [
        one for one in items.references if not (one.kind == b"dimg" and one.source == item)
    ]
    about = next(iter(items.descriptions(item)), None)
    if about is None:
        about = _new_item(items, b"mime", b"application/rdf+xml\0")
        items.references.append(Reference(b"cdsc", about, [item]))
    payload = _give_picture(items, item, _stored(items, item, depth.samples), depth)
    return items.encode({item: payload, about: packet.encode()})


def _turns(items: Items, item: int) -> list[tuple[int, bool]]:
    """Return an item's turns and mirrors, in their order."""
    return [
        (number, essential)
        for number, essential in items.owned.get(item, ())
        if items.properties[number - 1][4:8] in (b"irot", b"imir")
    ]


def _stored(items: Items, item: int, samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Undo an item's turns and mirrors (ISO/IEC 23008-12, 6.5.10 and 6.5.12)."""
    for number, _ in reversed(_turns(items, item)):
        turn = items.properties[number - 1]
        if turn[4:8] == b"irot":
            samples = np.rot90(samples, -(turn[8] & 3))  # stored are quarters, anticlockwise
        else:
            samples = samples[:, ::-1] if turn[8] & 1 else samples[::-1]
    return np.ascontiguousarray(samples)


def _give_picture(items: Items, item: int, samples: NDArray[np.uint8], depth: Coded) -> bytes:
    """Give an item a coded picture; return its bytes."""
    import pillow_heif

    height, width = samples.shape
    stream = io.BytesIO()
    file = pillow_heif.from_bytes(mode="L", size=(width, height), data=samples.tobytes())
    file.save(stream, quality=_QUALITY, format="HEIF")
    coded = read_items(stream.getvalue())
    kept = [
        (number, essential)
        for number, essential in items.owned.get(item, ())
        if items.properties[number - 1][4:8] not in _OF_THE_PICTURE
    ]
    items.owned[item] = []
    for kind in (b"hvcC", b"ispe"):
        for one in coded.properties_of(coded.primary, kind):
            items.add_property(item, one, essential=kind == b"hvcC")
    items.owned[item] += kept
    items.add_property(item, full_box(b"pixi", 0, b"\x01\x08"))
    about = full_box(b"auxC", 0, _URN + uniform_disparity(depth.low, depth.high))
    items.add_property(item, about, essential=True)
    return coded.data(coded.primary)


def _new_item(items: Items, kind: bytes, more: bytes) -> int:
    item = max(items.kinds) + 1
    items.kinds[item] = _info(item, kind, more)
    return item


def _info(item: int, kind: bytes, more: bytes) -> bytes:
    version, code = (2, ">H") if item <= 0xFFFF else (3, ">I")
    number = struct.pack(code, item)
    return box(
        b"infe", struct.pack(">I", version << 24 | _HIDDEN) + number + b"\0\0" + kind + b"\0" + more
    )
