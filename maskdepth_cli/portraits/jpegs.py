"""Depth and mattes in JPEG files: Apple's further frames, GDepth, Dynamic Depth 1.0."""

from __future__ import annotations

import base64
import binascii
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from maskdepth_cli.files.rasters import orient
from maskdepth_cli.portraits import apple, jpeg_parts
from maskdepth_cli.portraits.contents import Contents, Samples, StoredMap, decode_gray
from maskdepth_cli.portraits.jpeg_parts import Bytes, Parts
from maskdepth_cli.portraits.scale import google_scale
from maskdepth_cli.portraits.xmp import Packet, as_number, field, structures

GDEPTH = "http://ns.google.com/photos/1.0/depthmap/"
DEPTH_MAP = "http://ns.google.com/photos/dd/1.0/depthmap/"
ITEMS = (
    "http://ns.google.com/photos/dd/1.0/item/",
    "http://ns.google.com/photos/1.0/container/item/",
)


@dataclass(frozen=True)
class Item:
    """A file in a Dynamic Depth container; `start` counts from the end of the first picture."""

    element: ET.Element
    namespace: str
    name: str
    start: int
    size: int


def read_jpeg(data: Bytes, path: Path, orientation: int) -> Contents:
    """Look for depth and mattes in a JPEG.

    Maps lie as the photo is stored, and are turned as its Exif orientation says.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    parts = jpeg_parts.read_head(data)
    packet = parts.packet()
    if packet is not None and packet.text(DEPTH_MAP, "DepthURI") is not None:
        return _dynamic_depth(data, packet, path, orientation)
    if packet is not None and _of_gdepth(packet):
        return _gdepth(parts, packet, path, orientation)
    return _apple(parts, path, orientation)


def _of_gdepth(packet: Packet) -> bool:
    return any(packet.text(GDEPTH, name) is not None for name in ("Format", "Near", "Data"))


def _map(
    data: Callable[[], bytes], path: Path, orientation: int
) -> Callable[[float], tuple[Samples, float]]:
    def decode(max_megapixels: float) -> tuple[Samples, float]:
        samples, white = decode_gray(data(), path, max_megapixels)
        return orient(samples, orientation), white

    return decode


def _apple(parts: Parts, path: Path, orientation: int) -> Contents:
    depth: StoredMap | None = None
    mattes: dict[str, StoredMap] = {}
    problems: list[str] = []
    for frame in parts.frames:
        try:
            found = apple.describe(jpeg_parts.read_head(frame.data).packet())
        except ValueError as error:
            problems.append(f"one of its further pictures is damaged: {error}")
            continue
        decode = _map(lambda data=frame.data: data, path, orientation)  # type: ignore[misc]
        if found.problem:
            problems.append(found.problem)
        if found.scale:
            depth = depth or StoredMap(decode, found.scale)
        elif found.matte:
            mattes.setdefault(found.matte, StoredMap(decode))
    return Contents("MPO" if depth or mattes else "GDepth", depth, mattes, tuple(problems))


def _gdepth(parts: Parts, packet: Packet, path: Path, orientation: int) -> Contents:
    def fact(name: str) -> str | None:
        return packet.text(GDEPTH, name)

    scale = google_scale(
        fact("Format"), packet.number(GDEPTH, "Near"), packet.number(GDEPTH, "Far"), fact("Units")
    )
    if isinstance(scale, str):
        return Contents("GDepth", problems=(f"its depth cannot be used: {scale}",))
    extension = parts.extension(packet)
    text = fact("Data") or (extension.text(GDEPTH, "Data") if extension else None)
    if not text:
        return Contents("GDepth", problems=("its XMP announces depth and holds none",))

    def data() -> bytes:
        try:
            return base64.b64decode(text)
        except binascii.Error as error:
            raise ValueError(f"its depth is not base64: {error}") from error

    return Contents("GDepth", StoredMap(_map(data, path, orientation), scale))


def _dynamic_depth(whole: Bytes, packet: Packet, path: Path, orientation: int) -> Contents:
    places = list(structures(packet, DEPTH_MAP, "DepthURI"))
    element = next((one for one in places if _is_depth(one)), None)
    if element is None:
        return Contents("Dynamic Depth", problems=("it holds no depth map, only a segmentation",))

    def fact(name: str) -> str | None:
        return field(element, DEPTH_MAP, name)

    scale = google_scale(
        fact("Format"), as_number(fact("Near")), as_number(fact("Far")), fact("Units")
    )
    if isinstance(scale, str):
        return Contents("Dynamic Depth", problems=(f"its depth cannot be used: {scale}",))
    item = next((one for one in container_items(packet) if one.name == fact("DepthURI")), None)
    if item is None:
        problem = f"its container has no item '{fact('DepthURI')}'"
        return Contents("Dynamic Depth", problems=(problem,))
    start, stop = item.start, item.start + item.size

    def data() -> bytes:
        found = jpeg_parts.split(whole).tail[start:stop]
        if not found or len(found) != stop - start:
            raise ValueError("the file ends before its depth map does")
        return found

    return Contents("Dynamic Depth", StoredMap(_map(data, path, orientation), scale))


def _is_depth(element: ET.Element) -> bool:
    return (field(element, DEPTH_MAP, "ItemSemantic") or "Depth") == "Depth"


def container_items(packet: Packet) -> list[Item]:
    """Return the files of a container in their order; the first one is the photo itself.

    They follow the photo's last byte, and its padding, without a gap (Dynamic Depth 1.0,
    "Concatenated File Container").
    """
    found: list[Item] = []
    for namespace in ITEMS:
        at = 0
        for element in structures(packet, namespace, "Mime"):
            size = int(as_number(field(element, namespace, "Length")) or 0)
            padding = int(as_number(field(element, namespace, "Padding")) or 0)
            first = not any(one.namespace == namespace for one in found)
            name = field(element, namespace, "DataURI") or ""
            found.append(Item(element, namespace, name, at, 0 if first else size))
            at += padding if first else size + padding
    return found
