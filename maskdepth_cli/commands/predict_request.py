"""What `predict` was asked for, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.settings import (
    FormatSetting,
    InputsSetting,
    MaxMegapixelsSetting,
    PngRangeSetting,
    PreviewSetting,
)
from maskdepth_cli.side.choice import SideChoice


@dataclass(frozen=True)
class PredictRequest:
    """What `maskdepth predict` was asked for."""

    inputs: InputsSetting
    side: SideChoice = field(default_factory=SideChoice)
    format: FormatSetting = "keep"
    png_range: PngRangeSetting = None
    preview: PreviewSetting = False
    max_megapixels: MaxMegapixelsSetting = MAX_MEGAPIXELS
