"""Which channels of an OpenEXR file are depth, a matte or a photo, by their names.

Names: "Channel Names" in the OpenEXR documentation's "Technical Introduction" (`Z`, `A`, layers
before a dot); Blender's passes (`ViewLayer.Depth.Z`, newer `.V`); Nuke's `depth.Z`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from maskdepth_cli.files.exr_header import Part

_VECTORS = ({"x", "y", "z"}, {"u", "v"}, {"h", "s", "v"}, {"y", "u", "v"})
_BEAUTY = ("", "rgba", "rgb", "combined", "beauty")


@dataclass(frozen=True)
class Channel:
    """One channel: the part that it lies in, its name there and the name that messages give it."""

    part: Part
    name: str
    label: str

    @property
    def layer(self) -> str:
        """What stands before the last dot of the label, in lower case."""
        return self.label.rpartition(".")[0].lower()

    @property
    def last(self) -> str:
        """What stands behind it, in lower case."""
        return self.label.rpartition(".")[2].lower()


def channels_of(parts: Iterable[Part]) -> list[Channel]:
    """Return all channels; with several parts, the label begins with the part's name."""
    parts = list(parts)
    found = []
    for part in parts:
        for name in part.channels:
            label = name
            if len(parts) > 1 and part.name and not name.startswith(f"{part.name}."):
                label = f"{part.name}.{name}"
            found.append(Channel(part, name, label))
    return found


def named(channels: Sequence[Channel], name: str) -> Channel | None:
    """Return the channel of a name that the user gave; case counts only where it must."""
    exact = [channel for channel in channels if channel.label == name]
    similar = [channel for channel in channels if channel.label.lower() == name.lower()]
    return next((found[0] for found in (exact, similar) if len(found) == 1), None)


def depth_channels(channels: Sequence[Channel]) -> list[Channel]:
    """Return the channels that may be the depth: the best kind of name that is there.

    A file's only channel; `Z`; those of a layer called depth; `LAYER.Z`, unless it is one of the
    coordinates of a vector; then gray or colours, which are depth if they are equal.
    """
    if len(channels) == 1:
        return list(channels)
    layers: dict[str, set[str]] = {}
    for channel in channels:
        layers.setdefault(channel.layer, set()).add(channel.last)

    def scalar(channel: Channel) -> bool:
        return not any(
            channel.last in vector and len(vector & layers[channel.layer]) > 1
            for vector in _VECTORS
        )

    plain = [channel for channel in channels if channel.last != "a" and scalar(channel)]
    kinds = (
        [channel for channel in plain if channel.label.lower() in ("z", "depth")],
        [channel for channel in plain if "depth" in channel.layer.rpartition(".")[2]],
        [channel for channel in plain if channel.last in ("z", "depth") or channel.label == "V"],
        colours(channels),
    )
    return next((kind for kind in kinds if kind), [])


def alpha_channels(channels: Sequence[Channel]) -> list[Channel]:
    """Return the alpha of the picture itself, else those of its layers."""
    found = [channel for channel in channels if channel.last in ("a", "alpha")]
    return [channel for channel in found if channel.layer in _BEAUTY[:3]] or found


def colours(channels: Sequence[Channel]) -> list[Channel]:
    """Return the channels R, G, B, or Y, of the picture itself, else of its only coloured layer."""
    layers: dict[str, dict[str, Channel]] = {}
    for channel in channels:
        layers.setdefault(channel.layer, {}).setdefault(channel.last, channel)
    found = {name: picture for name, layer in layers.items() if (picture := _picture(layer))}
    for name in _BEAUTY:
        for layer, picture in found.items():
            if layer.rpartition(".")[2] == name:
                return picture
    return next(iter(found.values())) if len(found) == 1 else []


def _picture(layer: dict[str, Channel]) -> list[Channel]:
    if all(name in layer for name in "rgb"):
        return [layer[name] for name in "rgb"]
    return [layer["y"]] if "y" in layer and not {"x", "z"} & layer.keys() else []
