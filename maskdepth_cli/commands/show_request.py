"""What `show` was asked for, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from maskdepth_cli.choices import MAX_MEGAPIXELS, Colormap, DepthKind
from maskdepth_cli.settings import (
    InputsSetting,
    MaskSuffixSetting,
    MaxMegapixelsSetting,
    Setting,
    UnknownSetting,
)


@dataclass(frozen=True)
class ShowRequest:
    """What `maskdepth show` was asked for."""

    inputs: InputsSetting
    before: Annotated[
        Path,
        Setting(
            "Depth maps to start from, paired by name; or one for one photo.",
            metavar="PATH",
            place=True,
        ),
    ]
    afters: Annotated[
        tuple[Path, ...],
        Setting(
            "Depth maps to compare with them; may be given several times.",
            flags=("--after",),
            metavar="PATH",
            place=True,
        ),
    ]
    masks: Annotated[
        Path | None, Setting("Masks to show beside them.", metavar="PATH", place=True)
    ] = None
    instances: Annotated[
        Path | None, Setting("Instance maps in place of masks.", metavar="PATH", place=True)
    ] = None
    mask_suffix: MaskSuffixSetting = ""
    depth_suffix: Annotated[
        str,
        Setting(
            "How the depth maps of --before are named, as for refine.",
            metavar="PATTERN",
            default_text="as the photo",
        ),
    ] = ""
    truth: Annotated[
        Path | None,
        Setting(
            "True depth: the maps are aligned to it, and where they came nearer to it is "
            "shown in place of where they changed.",
            metavar="PATH",
            place=True,
        ),
    ] = None
    depth_kind: Annotated[DepthKind, Setting("What --before and --after hold; not guessed.")] = (
        "inverse"
    )
    unknown: UnknownSetting = None
    truth_kind: Annotated[DepthKind, Setting("What --truth holds.")] = "inverse"
    crops: Annotated[int, Setting("Close-ups of what changed most, at most.", min=0, max=9)] = 2
    colormap: Annotated[Colormap, Setting("Colours of depth.")] = "Spectral_r"
    max_megapixels: MaxMegapixelsSetting = MAX_MEGAPIXELS
