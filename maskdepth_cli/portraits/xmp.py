"""XMP packets: properties by namespace and name, read and changed (ISO 16684-1)."""

from __future__ import annotations

import io
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"
NOTE = "http://ns.adobe.com/xmp/note/"


class Packet:
    """One packet; properties are found wherever they stand in it.

    Parameters
    ----------
    data : bytes
        The packet, with or without its ``xpacket`` wrapper.

    Raises
    ------
    ValueError
        If it is not XML, or declares entities, which no packet does.
    """

    def __init__(self, data: bytes) -> None:
        data = data.strip(b"\0 \t\r\n")
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise ValueError("an XMP packet that declares entities is not read")
        self.prefixes: dict[str, str] = {}
        builder = ET.iterparse(io.BytesIO(data), events=("start-ns",))
        try:
            for _, (prefix, namespace) in builder:
                self.prefixes.setdefault(namespace, prefix)
        except ET.ParseError as error:
            raise ValueError(f"its XMP cannot be parsed: {error}") from error
        self.root: ET.Element = builder.root  # type: ignore[attr-defined]

    @classmethod
    def empty(cls) -> Packet:
        """Return a packet without properties."""
        return cls(
            f'<x:xmpmeta xmlns:x="{META}"><rdf:RDF xmlns:rdf="{RDF}">'
            '<rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>'.encode()
        )

    def text(self, namespace: str, name: str) -> str | None:
        """Return a property's text, None where the packet has none."""
        for element in self.root.iter():
            value = field(element, namespace, name)
            if value is not None:
                return value
        return None

    def number(self, namespace: str, name: str) -> float | None:
        """Return a property as a finite number, None where it is none."""
        return as_number(self.text(namespace, name))

    def set(self, namespace: str, values: Mapping[str, str], prefix: str) -> None:
        """Set properties of one namespace where they stand, or on the first description."""
        self.prefixes.setdefault(namespace, prefix)
        home = self.root.find(f".//{{{RDF}}}Description")
        if home is None:
            raise ValueError("its XMP has no description")
        for name, value in values.items():
            for element in self.root.iter():
                if field(element, namespace, name) is not None:
                    set_field(element, namespace, name, value)
                    break
            else:
                home.set(f"{{{namespace}}}{name}", value)

    def drop(self, namespace: str, name: str) -> None:
        """Remove a property wherever it stands."""
        tag = f"{{{namespace}}}{name}"
        for element in self.root.iter():
            element.attrib.pop(tag, None)
            for child in element.findall(tag):
                element.remove(child)

    def encode(self) -> bytes:
        """Return the packet's bytes, prefixes as they were."""
        for namespace, prefix in self.prefixes.items():
            if prefix and prefix != "xml":
                ET.register_namespace(prefix, namespace)
        return ET.tostring(self.root, encoding="utf-8")


def field(element: ET.Element, namespace: str, name: str) -> str | None:
    """Return a property that `element` itself has, as an attribute or a child."""
    tag = f"{{{namespace}}}{name}"
    value = element.get(tag)
    if value is None:
        child = element.find(tag)
        value = None if child is None or len(child) else (child.text or "")
    return None if value is None else value.strip()


def set_field(element: ET.Element, namespace: str, name: str, value: str) -> None:
    """Set a property of `element` itself."""
    tag = f"{{{namespace}}}{name}"
    child = element.find(tag)
    if child is None:
        element.set(tag, value)
    else:
        child.text = value


def structures(packet: Packet, namespace: str, name: str) -> Iterator[ET.Element]:
    """Yield the elements that have a property, in the packet's order."""
    for element in packet.root.iter():
        if field(element, namespace, name) is not None:
            yield element


def as_number(text: str | None) -> float | None:
    """Return a finite number, None where the text is none."""
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
