"""Depth written into JPEG files: Apple's further frames, GDepth, Dynamic Depth 1.0."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.files import libraries, png
from maskdepth_cli.files.rasters import orient
from maskdepth_cli.portraits import apple, jpeg_parts
from maskdepth_cli.portraits.contents import Container
from maskdepth_cli.portraits.jpeg_parts import Frame, Parts
from maskdepth_cli.portraits.jpegs import DEPTH_MAP, GDEPTH, container_items
from maskdepth_cli.portraits.scale import Coded
from maskdepth_cli.portraits.xmp import Packet, set_field

_QUALITY = 98  # less rings at the edges that were just sharpened
_BACK = {6: 8, 8: 6}  # every other orientation undoes itself


def write(data: bytes, container: Container, depth: Coded, orientation: int, own: bool) -> bytes:
    """Return a JPEG with depth in the layout that it has, or gets.

    Raises
    ------
    ValueError
        If it is damaged, or lacks what its layout promises.
    """
    parts = jpeg_parts.split(data)
    samples = orient(depth.samples, _BACK.get(orientation, orientation))
    stored = Coded(np.ascontiguousarray(samples), depth.low, depth.high)
    if container == "MPO":
        return _apple(parts, stored, own)
    # Google's codes count from near to far.
    far = np.ascontiguousarray(255 - stored.samples)
    if container == "Dynamic Depth":
        return _dynamic_depth(parts, far, depth)
    return _gdepth(parts, far, depth)


def _encoded(samples: NDArray[np.uint8], format_name: str) -> bytes:
    stream = io.BytesIO()
    quality = {"quality": _QUALITY} if format_name == "JPEG" else {}
    libraries.pillow().fromarray(samples).save(stream, format_name, **quality)
    return stream.getvalue()


def _apple(parts: Parts, depth: Coded, own: bool) -> bytes:
    place, packet, attribute = len(parts.frames), Packet.empty(), 0
    for i, frame in enumerate(parts.frames):
        found = jpeg_parts.split(frame.data).packet()
        if found is not None and apple.describe(found).scale:
            place, packet, attribute = i, found, frame.attribute
            break
    apple.rewrite(packet, depth.low, depth.high, None if own else "relative")
    picture = jpeg_parts.split(_encoded(depth.samples, "JPEG")).with_packets(packet, None)
    frames = list(parts.frames)
    frames[place : place + 1] = [Frame(attribute, picture.encode())]
    return replace(parts, frames=tuple(frames)).encode()


def _gdepth(parts: Parts, samples: NDArray[np.uint8], depth: Coded) -> bytes:
    main = parts.packet() or Packet.empty()
    extension = parts.extension(main) or Packet.empty()
    for name in ("Data", "Confidence", "ConfidenceMime"):  # a confidence of another map
        main.drop(GDEPTH, name)
        extension.drop(GDEPTH, name)
    facts = {
        "Format": "RangeInverse",
        "Near": repr(1 / depth.high),
        "Far": repr(1 / depth.low),
        "Units": "m",
        "Mime": "image/png",
    }
    main.set(GDEPTH, facts, "GDepth")
    data = base64.b64encode(_encoded(samples, "PNG")).decode()
    extension.set(GDEPTH, {"Data": data}, "GDepth")
    return parts.with_packets(main, extension).encode()


def _dynamic_depth(parts: Parts, samples: NDArray[np.uint8], depth: Coded) -> bytes:
    packet = parts.packet()
    assert packet is not None
    name = packet.text(DEPTH_MAP, "DepthURI")
    item = next(one for one in container_items(packet) if one.name == name)
    before, after = parts.tail[: item.start], parts.tail[item.start + item.size :]
    is_png = parts.tail[item.start :].startswith(png.SIGNATURE)
    data = _encoded(samples, "PNG" if is_png else "JPEG")
    set_field(item.element, item.namespace, "Length", str(len(data)))
    facts = {
        "Format": "RangeInverse",
        "Near": repr(1 / depth.high),
        "Far": repr(1 / depth.low),
        "Units": "Meters",
    }
    packet.set(DEPTH_MAP, facts, "DepthMap")
    listed = sum(len(frame.data) for frame in parts.frames)
    if listed > item.start:
        raise ValueError("its depth lies before pictures of its index")
    rest = (before + data + after)[listed:]
    changed = replace(parts, rest=rest).with_packets(packet, parts.extension(packet))
    return changed.encode()
