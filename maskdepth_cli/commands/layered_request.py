"""What the commands over photos with layers were asked for, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from maskdepth_cli.choices import MAX_MEGAPIXELS, LayersFormat
from maskdepth_cli.errors import UsageError
from maskdepth_cli.settings import MaxMegapixelsSetting, Setting

OBJECT, BACKGROUND = "object", "background"

RunSetting = Annotated[
    Path, Setting("Target folder of an earlier run.", argument=True, metavar="RUN")
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
            default_text="all",
        ),
    ] = ()
    photos: Annotated[
        Path | None,
        Setting(
            "Where the run's photos are now.",
            metavar="DIR",
            default_text="where the run found them",
        ),
    ] = None
    max_megapixels: MaxMegapixelsSetting = MAX_MEGAPIXELS


@dataclass(frozen=True)
class BokehRequest(LayeredRequest):
    """What `maskdepth bokeh` was asked for, beside the photos."""

    focus: Annotated[
        str | None,
        Setting(
            "What is sharp: all of the object, the middle of what lies behind it, or the "
            "point X,Y in pixels from the upper left.",
            metavar="object|background|X,Y",
            default_text="object",
        ),
    ] = None
    focus_mask: Annotated[
        Path | None,
        Setting("Focus on the middle of what this mask covers.", metavar="FILE"),
    ] = None
    aperture: Annotated[
        float,
        Setting("Radius of the largest blur as a share of the long side.", min=0, max=0.2),
    ] = 0.015
    highlights: Annotated[
        float, Setting("How much brighter highlights blur; 0: not at all.", min=0, max=100)
    ] = 0.0

    @property
    def on_object(self) -> bool:
        """Whether the object is what is to be sharp."""
        return self.focus == OBJECT or (self.focus is None and self.focus_mask is None)

    def point(self) -> tuple[int, int] | None:
        """Return the point of `focus`, None where it names a layer.

        Raises
        ------
        UsageError
            It is neither, or there is a mask besides.
        """
        if self.focus and self.focus_mask:
            raise UsageError("give either --focus or --focus-mask")
        if self.focus in (None, OBJECT, BACKGROUND):
            return None
        try:
            x, y = (int(part) for part in str(self.focus).split(","))
        except ValueError:
            raise UsageError(
                f"--focus {self.focus}: not object, background or a point such as 640,480"
            ) from None
        return x, y


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
