"""Apple's words for auxiliary pictures, the same in HEIF and in JPEG.

The names are those of ImageIO's metadata namespaces ``apdi`` (pixel data) and ``depthData``; the
URNs those of its auxiliary data types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import get_args

from maskdepth_cli.choices import Matte
from maskdepth_cli.portraits.scale import Scale
from maskdepth_cli.portraits.xmp import Packet

PIXELS = "http://ns.apple.com/pixeldatainfo/1.0/"
DEPTH = "http://ns.apple.com/depthData/1.0/"
DEPTH_URNS = ("urn:mpeg:hevc:2015:auxid:2", "urn:mpeg:mpegB:cicp:systems:auxiliary:depth")
_L008 = int.from_bytes(b"L008", "big")
_MATTE = re.compile(r"(?:portraiteffects|semantic(\w+?))matte")


@dataclass(frozen=True)
class Description:
    """What an auxiliary picture is: a depth map of a scale, or a matte of a name, or neither."""

    scale: Scale | None = None
    matte: str = ""
    problem: str = ""


def matte_name(word: str) -> str:
    """Return which matte a URN or a sub-type names, empty where it is none that is known."""
    found = _MATTE.search(word)
    name = (found.group(1) or "portrait") if found else ""
    return name if name in get_args(Matte) else ""


def describe(packet: Packet | None, urn: str = "") -> Description:
    """Say what an auxiliary picture is, from its own XMP and its URN."""
    kind = (packet.text(PIXELS, "AuxiliaryImageType") if packet else None) or ""
    sub = (packet.text(PIXELS, "AuxiliaryImageSubType") if packet else None) or ""
    name = matte_name(urn) or matte_name(sub) or matte_name(kind)
    if name:
        return Description(matte=name)
    is_depth = urn in DEPTH_URNS or (not urn and not sub and kind in ("depth", "disparity"))
    if not is_depth:
        return Description()
    if packet is None or kind not in ("depth", "disparity"):
        return Description(problem="its depth map does not say whether it holds depth or disparity")
    return _depth(packet, kind)


def _depth(packet: Packet, kind: str) -> Description:
    low, high = packet.number(PIXELS, "FloatMinValue"), packet.number(PIXELS, "FloatMaxValue")
    facts = {"stored": kind}
    for name in ("Accuracy", "Quality", "Filtered"):
        if value := packet.text(DEPTH, name):
            facts[name.lower()] = value.lower()
    if low is None or high is None or low == high:
        if kind == "depth":
            return Description(problem="its depth map does not state the range of its depth")
        problem = "its disparity map does not state a range: taken as relative, from 0 to 1"
        return Description(Scale("inverse", 0.0, 1.0, facts), problem=problem)
    first = packet.number(PIXELS, "IntMinValue") or 0.0
    last = packet.number(PIXELS, "IntMaxValue") or 255.0
    if last <= first:
        return Description(problem=f"the codes {first:g} to {last:g} of its depth are no range")
    step = (high - low) / (last - first)
    at_zero, at_white = low - first * step, low + (255 - first) * step
    return Description(
        Scale("inverse" if kind == "disparity" else "depth", at_zero, at_white, facts)
    )


def rewrite(packet: Packet, low: float, high: float, accuracy: str | None) -> None:
    """Say in a depth map's XMP that its 256 codes are disparity from `low` to `high`."""
    values = {
        "AuxiliaryImageType": "disparity",
        "StoredFormat": str(_L008),
        "IntMinValue": "0",
        "IntMaxValue": "255",
        "FloatMinValue": repr(low),
        "FloatMaxValue": repr(high),
    }
    packet.set(PIXELS, values, "apdi")
    facts = {} if accuracy is None else {"Accuracy": accuracy}
    if packet.text(DEPTH, "DepthDataVersion") is None:
        facts |= {"DepthDataVersion": "65541", "Quality": "high", "Filtered": "True"}
        packet.set(PIXELS, {"NativeFormat": str(int.from_bytes(b"hdis", "big"))}, "apdi")
        facts.setdefault("Accuracy", "relative")
    packet.set(DEPTH, facts, "depthData")
