"""How the engine works, without the libraries that it needs: a resumed run reads only this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from maskdepth_cli.choices import MIN_INSTANCE_SHARE, Keep, MergeRule
from maskdepth_cli.settings import (
    METHOD,
    BatchSizeSetting,
    CompiledSetting,
    DeviceSetting,
    PrecisionSetting,
    Setting,
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
    min_instance_share: Annotated[
        float,
        Setting("Leave out instances that cover less of the photo.", min=0, max=1, panel=METHOD),
    ] = MIN_INSTANCE_SHARE
    merge: Annotated[
        MergeRule,
        Setting(
            "Several masks for a photo. own: a pixel follows the mask that covers it; largest: "
            "the largest change wins, as in the paper.",
            panel=METHOD,
        ),
    ] = "own"
    windows: bool = True  # small masks are refined within their surroundings, which is faster
    layers: Annotated[
        bool, Setting("Also write both layers' depth and the mask, to DIR/layers.")
    ] = True  # False: only the depth is made, the layers are the initial depth
    batch_size: BatchSizeSetting = 8  # masks whose two passes run at once
    device: DeviceSetting = "auto"
    precision: PrecisionSetting = "auto"
    compiled: CompiledSetting = False
