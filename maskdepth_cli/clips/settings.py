"""What of a clip is wanted, and what its scale is."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated

from maskdepth_cli.errors import UsageError
from maskdepth_cli.settings import Setting

CLIPS = "Clips: videos, and numbered frames as one"


def _numbers(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text.strip())
    if not found or int(found[1]) > int(found[2] or found[1]):
        raise UsageError(f"--frames {text}: give two numbers, such as 1001-1100, or one")
    return int(found[1]), int(found[2] or found[1])


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = math.nan, math.nan
    if not -math.inf < low < high < math.inf:
        raise UsageError(f"--depth-range {text}: give two numbers, such as 0,255")
    return low, high


@dataclass(frozen=True)
class ClipSettings:
    """How a clip is worked on."""

    clip: Annotated[
        bool,
        Setting(
            "A folder of numbered frames is a clip. Videos and shot.####.exr or shot.%04d.exr are "
            "without being told; see docs/clips.md.",
            panel=CLIPS,
            decides=False,
        ),
    ] = False
    frames: Annotated[
        tuple[int, int] | None,
        Setting(
            "Only frames of these numbers; videos count from 1.",
            metavar="FIRST-LAST",
            parse=_numbers,
            panel=CLIPS,
            default_text="all",
            decides=False,
        ),
    ] = None
    depth_range: Annotated[
        tuple[float, float] | None,
        Setting(
            "The clip's range in the numbers of --depths: saves the pass that measures it.",
            metavar="LOW,HIGH",
            parse=_range,
            panel=CLIPS,
            default_text="measured over all frames",
        ),
    ] = None
    align: Annotated[
        bool,
        Setting(
            "Bring each frame's depth to the scale and shift of the frame before, by what neither "
            "moved nor is masked: for depth of a photo network, frame by frame.",
            panel=CLIPS,
        ),
    ] = False
    temporal: Annotated[
        bool,
        Setting(
            "Carry both layers along from frame to frame: no flicker at edges, and what the object "
            "hid and later uncovers is remembered.",
            panel=CLIPS,
        ),
    ] = False


ONE_CLIP = ClipSettings()
"""A clip as it is given."""
