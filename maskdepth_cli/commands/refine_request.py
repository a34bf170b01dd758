"""What `refine` was asked for, as data: `refine` plans by it, its worker reads and writes by it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from maskdepth_cli.choices import MAX_MEGAPIXELS, DepthKind, Matte, StoredRole
from maskdepth_cli.clips.settings import ONE_CLIP, ClipSettings
from maskdepth_cli.engine.loading import DEFAULT_WEIGHTS
from maskdepth_cli.engine.settings import FinishSettings, RefineSettings
from maskdepth_cli.files.mask_rules import AS_WRITTEN, MaskRules
from maskdepth_cli.pairing.finding import is_there
from maskdepth_cli.pairing.selection import EVERYTHING, Selection
from maskdepth_cli.settings import (
    DepthSuffixSetting,
    FormatSetting,
    InputsSetting,
    MaskSuffixSetting,
    MaxMegapixelsSetting,
    PngRangeSetting,
    PreviewSetting,
    Setting,
    UnknownSetting,
    Without,
    decisive,
)
from maskdepth_cli.side.choice import SideChoice

OWN_ALPHA = Path("alpha")


@dataclass(frozen=True)
class RefineRequest:
    """What `maskdepth refine` was asked for."""

    inputs: InputsSetting
    masks: Annotated[
        Path | None,
        Setting(
            "Folder of masks, white = object: NAME.png, or several as NAME/*.png; "
            "or one mask for one photo; or annotations of SAM, LabelMe, YOLO or COCO; or alpha, "
            "the photos' own transparency; or rembg[:MODEL] or transformers:ORG/NAME, that make "
            "them [default: the mattes that portrait photos hold].",
            metavar="PATH",
            place=True,
        ),
    ] = None
    matte: Annotated[
        Matte | None,
        Setting("Which matte of a portrait photo is its mask.", default_text="portrait"),
    ] = None
    instances: Annotated[
        Path | None,
        Setting("Instance maps in place of masks; 0 = no instance.", metavar="PATH", place=True),
    ] = None
    selection: Selection = EVERYTHING
    depths: Annotated[
        Path | None,
        Setting(
            "Initial depth maps, paired by name as masks are.",
            metavar="PATH",
            default_text="what portrait photos hold, else predicted",
            place=True,
        ),
    ] = None
    sky: Annotated[
        Path | None,
        Setting(
            "Masks of the sky, paired by name as masks are; photos may do without.",
            metavar="PATH",
            place=True,
        ),
    ] = None
    finish: FinishSettings = field(default_factory=FinishSettings)
    mask_rules: MaskRules = AS_WRITTEN
    as_stored: Annotated[
        StoredRole,
        Setting(
            "Files made from photos as they are stored, without their Exif turn: they are turned "
            "as the photo is."
        ),
    ] = "none"
    mask_suffix: MaskSuffixSetting = ""
    depth_suffix: DepthSuffixSetting = ""
    depth_channel: Annotated[
        str | None,
        Setting(
            "Which channel of OpenEXR files, or array of .npz files, is the depth.",
            metavar="NAME",
            default_text="Z, or what is called depth",
        ),
    ] = None
    depth_kind: Annotated[
        DepthKind,
        Setting(
            "What --depths holds: inverse (larger = nearer), depth (distances) or far (larger = "
            "farther, scale and shift unknown); not guessed."
        ),
    ] = "inverse"
    unknown: UnknownSetting = None
    side: Annotated[SideChoice, Without(("weights", "tta"))] = field(default_factory=SideChoice)
    format: FormatSetting = "keep"
    png_range: PngRangeSetting = None
    preview: PreviewSetting = False
    embed: Annotated[
        bool,
        Setting(
            "Also write copies of the photos (JPEG, HEIC) that hold the refined depth, to "
            "DIR/embedded."
        ),
    ] = False
    weights: Annotated[str, Setting("Refinement weights.", metavar="NAME|FILE")] = DEFAULT_WEIGHTS
    settings: RefineSettings = field(default_factory=partial(RefineSettings, layers=False))
    clip: ClipSettings = ONE_CLIP
    max_megapixels: MaxMegapixelsSetting = MAX_MEGAPIXELS

    @property
    def own_alpha(self) -> bool:
        """Whether photos are masked by their own transparency."""
        return self.masks == OWN_ALPHA and not is_there(OWN_ALPHA)

    def rules_of_masks(self) -> MaskRules:
        """Return what of a mask file is the mask."""
        return replace(self.mask_rules, channel="alpha") if self.own_alpha else self.mask_rules

    def decisive_of_masks(self) -> dict[str, Any]:
        """Return how masks are read, where it is not the default."""
        told: dict[str, Any] = {
            name: list(value) for name, value in decisive(self.selection).items() if value
        }
        rules, plain = decisive(self.rules_of_masks()), decisive(AS_WRITTEN)
        told |= {name: value for name, value in rules.items() if value != plain[name]}
        if self.matte:
            told["matte"] = self.matte
        if self.as_stored != "none":
            told["as_stored"] = self.as_stored
        return told
