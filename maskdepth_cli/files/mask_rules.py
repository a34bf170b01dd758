"""How the samples of mask and instance files are taken, where files of one kind differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from maskdepth_cli.choices import MaskChannel
from maskdepth_cli.settings import Setting

UNIT_CODES, TRIMAP, VOID, WHITE_ID, TURN = "codes 0 and 1", "trimap", "void", "white id", "turn"
"""Signs: what was met while files were read, for the remarks of a run."""
VOC_VOID = 255
WHITE_IDS = (VOC_VOID, 65535)


@dataclass(frozen=True)
class MaskRules:
    """What of a mask file is the mask."""

    channel: Annotated[
        MaskChannel,
        Setting(
            "What of a picture is the mask; auto: alpha where it is not one value, else gray.",
            flags=("--mask-channel",),
        ),
    ] = "auto"
    levels: Annotated[
        int | None,
        Setting(
            "White of masks of whole numbers, such as 255: files of 0 and 1 alone are then nearly "
            "black. 1: they hold 0 and 1.",
            flags=("--mask-levels",),
            min=1,
            default_text="that of the type, or 1 where a file holds nothing above",
        ),
    ] = None
    invert: Annotated[bool, Setting("Masks show the background: black is the object.")] = False
    void: Annotated[
        int | None,
        Setting(
            "Number of instance maps that is neither object nor background; -1: none.",
            metavar="ID",
            default_text="255 in palette pictures, as VOC has it",
        ),
    ] = None


AS_WRITTEN = MaskRules()
