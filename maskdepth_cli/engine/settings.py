"""How the engine works, without the libraries that it needs: a resumed run reads only this."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, TypedDict

from maskdepth_cli.choices import (
    MIN_INSTANCE_SHARE,
    Edges,
    Keep,
    MaskEdges,
    MergeRule,
    Precision,
    SkyAs,
)
from maskdepth_cli.errors import UsageError
from maskdepth_cli.settings import (
    METHOD,
    BatchSizeSetting,
    CompiledSetting,
    DeviceSetting,
    PrecisionSetting,
    Setting,
    WrapSetting,
    check,
)


@dataclass(frozen=True)
class RefineSettings:
    """How a `Refiner` works; every default is the documented one."""

    working_size: Annotated[
        int,
        Setting("Long side at which the network works, in pixels.", min=32, panel=METHOD),
    ] = 512  # smaller photos keep their size
    keep: Annotated[
        Keep,
        Setting(
            "band: far from mask boundaries the initial depth survives exactly; none: the "
            "network's output everywhere, as in the paper.",
            panel=METHOD,
        ),
    ] = "band"
    keep_dilation: float = 0.025  # reach of the band around the boundary, of the long side
    keep_threshold: float = 0.02  # corrections above this share of the range extend the band
    whole_range: tuple[float, float] | None = None  # of inverse depth; None: each map's own
    min_instance_share: Annotated[
        float | None,
        Setting(
            "Leave out instances and masks that cover no more of the photo.",
            min=0,
            max=1,
            panel=METHOD,
            default_text=f"{MIN_INSTANCE_SHARE}; masks in files of their own: none",
        ),
    ] = None
    merge: Annotated[
        MergeRule,
        Setting(
            "Several masks for a photo. own: a pixel follows the mask that covers it; largest: "
            "the largest change wins, as in the paper.",
            panel=METHOD,
        ),
    ] = "own"
    mask_edges: Annotated[
        MaskEdges,
        Setting(
            "Where edges of mask and depth map differ by up to 4 pixels at working size. exact: "
            "the mask's are right, as mattes' are; approximate: the depth's own are kept; auto: "
            "those at which the photo changes more."
        ),
    ] = "auto"
    windows: bool = True  # small masks are refined within their surroundings, which is faster
    layers: Annotated[
        bool, Setting("Also write both layers' depth and the mask, to DIR/layers.")
    ] = True  # False: only the depth is made, the layers are the initial depth
    wrap: WrapSetting = False
    batch_size: BatchSizeSetting = 8  # masks whose two passes run at once
    device: DeviceSetting = "auto"
    precision: PrecisionSetting = "auto"
    compiled: CompiledSetting = False

    def __post_init__(self) -> None:
        check(self, aside=("device", "precision"))
        if not 0 <= self.keep_dilation <= 1:
            raise UsageError(f"keep_dilation={self.keep_dilation!r}: give a share of 0 to 1")
        if not 0 < self.keep_threshold <= 1:
            raise UsageError(f"keep_threshold={self.keep_threshold!r}: give a share of 0 to 1")
        if (
            self.whole_range
            and not -math.inf < self.whole_range[0] < self.whole_range[1] < math.inf
        ):
            raise UsageError(f"whole_range={self.whole_range!r}: give two numbers, the lower first")


class RefineChanges(TypedDict, total=False):
    """Fields of `RefineSettings` by name, as `load_refiner` takes them."""

    working_size: int
    keep: Keep
    keep_dilation: float
    keep_threshold: float
    whole_range: tuple[float, float] | None
    min_instance_share: float | None
    merge: MergeRule
    mask_edges: MaskEdges
    windows: bool
    layers: bool
    wrap: bool
    batch_size: int
    device: str
    precision: Precision
    compiled: bool


@dataclass(frozen=True)
class FinishSettings:
    """What is made of a refined depth before it is written."""

    edges: Annotated[
        Edges,
        Setting(
            "soft: the depth is as soft as the mask; hard: each pixel is the object's or the "
            "background's, with no depths in between, which hang in the air in 3D."
        ),
    ] = "soft"
    grow: Annotated[
        int,
        Setting(
            "Take the object's depth so many pixels beyond the mask; negative: within it.",
            metavar="PX",
            min=-1000,
            max=1000,
        ),
    ] = 0
    sky_as: Annotated[
        SkyAs, Setting("What the depth of --sky becomes: the farthest known value, or unknown.")
    ] = "far"
    confidence: Annotated[
        bool,
        Setting(
            "Also write how sure the depth is to DIR/confidence: white where it is untouched, "
            "darker where it was completed."
        ),
    ] = False

    @property
    def recomposes(self) -> bool:
        """Whether both layers are needed."""
        return self.edges == "hard" or self.grow != 0
