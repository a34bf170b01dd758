"""What the commands over photos with layers were asked for, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from maskdepth_cli.choices import MAX_MEGAPIXELS, LayersFormat
from maskdepth_cli.errors import UsageError
from maskdepth_cli.settings import MaxMegapixelsSetting, Setting

OBJECT, BACKGROUND = "object", "background"

EXR_CHANNELS = {
    "color": "",
    "alpha": "A",
    "depth": "depth.Z",
    "foreground.color": "foreground",
    "foreground.depth": "foreground_depth.Z",
    "background.color": "background",
    "background.depth": "background_depth.Z",
}
"""From our names of layers to OpenEXR's channels; the photo's own have no prefix."""

RunSetting = Annotated[
    Path, Setting("Target folder of an earlier run.", argument=True, metavar="RUN", place=True)
]


@dataclass(frozen=True)
class LayeredRequest:
    """Which photos of which run with `--layers` are wanted."""

    run: RunSetting
    names: Annotated[
        tuple[str, ...],
        Setting(
            "Photos of that run, as its manifest calls them.",
            argument=True,
            metavar="[NAMES]...",
            decides=False,
            default_text="all",
        ),
    ] = ()
    photos: Annotated[
        Path | None,
        Setting(
            "Where the run's photos are now.",
            metavar="DIR",
            place=True,
            default_text="where the run found them",
        ),
    ] = None
    max_megapixels: MaxMegapixelsSetting = MAX_MEGAPIXELS

    def outputs(self, place: str) -> tuple[tuple[str, str], ...]:
        """Return role and relative path of what is written for a photo.

        `place` is the path of its refined depth, without extension.
        """
        raise NotImplementedError

    def extra(self) -> tuple[tuple[str, Path], ...]:
        """Return role and path of further inputs of every photo."""
        return ()


@dataclass(frozen=True)
class BokehRequest(LayeredRequest):
    """What `maskdepth bokeh` was asked for, beside the photos."""

    focus: Annotated[
        str | None,
        Setting(
            "What is sharp: all of the object, the middle of what lies behind it, the point X,Y "
            "in pixels from the upper left, or all depths between those of two points.",
            metavar="object|background|X,Y|X,Y:X,Y",
            default_text="object",
        ),
    ] = None
    focus_mask: Annotated[
        Path | None,
        Setting("Focus on the middle of what this mask covers.", metavar="FILE", place=True),
    ] = None
    focus_range: Annotated[
        str | None,
        Setting(
            "What is sharp as shares of the range of inverse depth: 0 the farthest, 1 the nearest.",
            metavar="FAR,NEAR",
        ),
    ] = None
    aperture: Annotated[
        float,
        Setting("Radius of the largest blur as a share of the long side.", min=0, max=0.2),
    ] = 0.015
    highlights: Annotated[
        float, Setting("How much brighter highlights blur; 0: not at all.", min=0, max=100)
    ] = 0.0
    blades: Annotated[
        int, Setting("Corners of the aperture, from 5 on; 0: it is round.", min=0, max=16)
    ] = 0

    def outputs(self, place: str) -> tuple[tuple[str, str], ...]:
        """Return role and relative path of what is written for a photo."""
        return (("bokeh", f"{place}.png"),)

    def extra(self) -> tuple[tuple[str, Path], ...]:
        """Return the mask to focus on, if there is one."""
        return (("focus", self.focus_mask),) if self.focus_mask else ()

    @property
    def on_object(self) -> bool:
        """Whether the object is what is to be sharp."""
        return self.focus == OBJECT or not (self.focus or self.focus_mask or self.focus_range)

    def check(self) -> None:
        """Look for contradictions.

        Raises
        ------
        UsageError
            There are several focuses, or one is not to be understood.
        """
        if sum(map(bool, (self.focus, self.focus_mask, self.focus_range))) > 1:
            raise UsageError("give one of --focus, --focus-mask and --focus-range")
        if 0 < self.blades < 5:
            raise UsageError(f"--blades {self.blades}: an aperture has 5 or more, or 0: round")
        self.points()
        self.shares()

    def points(self) -> tuple[tuple[int, int], ...]:
        """Return the one or two points of `focus`, none where it names a layer.

        Raises
        ------
        UsageError
            It is neither.
        """
        if self.focus in (None, OBJECT, BACKGROUND):
            return ()
        found = re.fullmatch(r"(\d+),(\d+)(?::(\d+),(\d+))?", str(self.focus))
        if not found:
            raise UsageError(
                f"--focus {self.focus}: not object, background, a point such as 640,480 or two "
                "such as 640,480:900,700"
            )
        x, y, *other = (int(part) for part in found.groups() if part is not None)
        return ((x, y), (other[0], other[1])) if other else ((x, y),)

    def shares(self) -> tuple[float, float] | None:
        """Return the two ends of `focus_range`, None without it.

        Raises
        ------
        UsageError
            It is not two numbers from 0 to 1, the farther one first.
        """
        if self.focus_range is None:
            return None
        try:
            far, near = (float(part) for part in self.focus_range.split(","))
        except ValueError:
            far, near = 1, 0
        if not 0 <= far <= near <= 1:
            raise UsageError(
                f"--focus-range {self.focus_range}: not two numbers from 0 to 1, the farther "
                "first, such as 0.5,0.8"
            )
        return far, near


@dataclass(frozen=True)
class ExportRequest(LayeredRequest):
    """What `maskdepth export` was asked for, beside the photos."""

    format: Annotated[
        LayersFormat,
        Setting(
            "tiff: one file with a page a layer; exr: one file with named channels "
            "(pip install 'maskdepth[exr]'); files: one TIFF a layer."
        ),
    ] = "tiff"

    def outputs(self, place: str) -> tuple[tuple[str, str], ...]:
        """Return role and relative path of what is written for a photo."""
        if self.format == "files":
            return tuple((name, f"{place}/{name}.tiff") for name in EXR_CHANNELS)
        return (("layers", f"{place}.{self.format}"),)
