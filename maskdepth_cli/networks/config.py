"""Sizes of the refinement network as data (paper section 3.3, Fig. 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

from maskdepth_cli.choices import NetworkForm

DEPTH_RANGE = 10.0  # inverse depth is scaled to [0, 10] (paper section 4.1)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
FORMS = ("plain", "completion")
STRIDE = 32  # of the coarsest level
LARGEST, DEEPEST = 4096, 128  # of a width or ratio, of the layers of a level


def check_sizes(config: Any) -> None:
    """Check the fields of a configuration, which may come from a stranger's file.

    Raises
    ------
    TypeError
        A field has another type or length than its default, or is no size of a network.
    """
    for field in fields(config):
        value, default = getattr(config, field.name), field.default
        values = value if isinstance(value, tuple) else (value,)
        defaults = default if isinstance(default, tuple) else (default,)
        fits = len(values) == len(defaults) and type(value) is type(default)
        if not fits or any(type(x) is not type(y) for x, y in zip(values, defaults, strict=True)):
            raise TypeError(f"{field.name} is {str(value)[:60]!r}, but its default {default!r}")
        largest = DEEPEST if field.name == "depths" else LARGEST
        least = 0 if default == 0 else 1
        if any(type(x) is int and not least <= x <= largest for x in values):
            raise TypeError(f"{field.name} is {value!r}, beyond {least} to {largest}")


@dataclass(frozen=True)
class RefinementConfig:
    """Every number that shapes a refinement network; stored in the weights file's metadata.

    The defaults are the paper's network, ``base``.
    """

    embed_dims: tuple[int, ...] = (64, 128, 320, 512)
    depths: tuple[int, ...] = (3, 4, 18, 3)
    heads: tuple[int, ...] = (1, 2, 5, 8)
    reductions: tuple[int, ...] = (8, 4, 2, 1)  # spatial reduction of keys and values
    mlp_ratios: tuple[int, ...] = (4, 4, 4, 4)  # 4 everywhere: MiT; PVTv2 has 8, 8, 4, 4
    decoder_channels: int = 256
    low_level_half: int = 64  # channels of the low-level encoder at half resolution
    low_level_full: int = 0  # and at full resolution, 0 = none
    head_channels: int = 32
    form: NetworkForm = "plain"
    layered: bool = True  # False: direct-composite, one pass gives the composite itself

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.form not in FORMS:
            raise TypeError(f"form is {self.form[:60]!r}, not one of {', '.join(FORMS)}")
        for width, heads in zip(self.embed_dims, self.heads, strict=True):
            if width % heads:
                raise TypeError(f"{heads} heads do not divide {width} channels")


@dataclass(frozen=True)
class TrustConfig:
    """Every number that shapes a `TrustNetwork`; stored in the weights file's metadata."""

    form: Literal["trust"] = "trust"
    widths: tuple[int, ...] = (24, 32, 56, 96, 128)  # channels at half size and each half of it
    blocks: tuple[int, ...] = (1, 1, 1, 2, 2)  # residual blocks of these levels
    bins: int = 8  # of pixels that belong together
    revision_widths: tuple[int, ...] = (40, 56, 72)  # channels at quarter size and each half of it
    layered: bool = True  # False: direct-composite, one pass gives the composite itself

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.form != "trust":
            raise TypeError(f"form is {self.form[:60]!r}, not trust")


NetworkConfig: TypeAlias = RefinementConfig | TrustConfig


def read_config(values: Mapping[str, Any]) -> NetworkConfig:
    """Build a configuration from plain data such as parsed JSON or TOML, by its ``form``.

    Raises
    ------
    TypeError
        A name is unknown, or a value none of a network.
    """
    kind = TrustConfig if values.get("form") == "trust" else RefinementConfig
    if unknown := sorted(set(values) - {field.name for field in fields(kind)}):
        raise TypeError(f"unknown network settings: {', '.join(unknown)}")
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return kind(**plain)


SIZES: dict[str, NetworkConfig] = {
    "base": RefinementConfig(),
    "small": RefinementConfig(  # pvt_v2_b1
        depths=(2, 2, 2, 2),
        mlp_ratios=(8, 8, 4, 4),
        decoder_channels=128,
        low_level_half=32,
        low_level_full=16,
        head_channels=16,
    ),
    "tiny": RefinementConfig(  # pvt_v2_b0
        embed_dims=(32, 64, 160, 256),
        depths=(2, 2, 2, 2),
        mlp_ratios=(8, 8, 4, 4),
        decoder_channels=64,
        low_level_half=32,
        low_level_full=16,
        head_channels=16,
    ),
    "trust": TrustConfig(),  # the embedded weights'
}
