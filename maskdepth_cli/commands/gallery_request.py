"""What `gallery` was asked for, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from maskdepth_cli.commands.layered_request import RunSetting
from maskdepth_cli.settings import Setting


@dataclass(frozen=True)
class GalleryRequest:
    """What `maskdepth gallery` was asked for."""

    run: RunSetting
    output: Annotated[
        Path | None,
        Setting(
            "The page.",
            flags=("--output", "-o"),
            metavar="FILE",
            default_text="RUN/gallery.html",
        ),
    ] = None
    products: Annotated[
        tuple[Path, ...],
        Setting(
            "Target folder of bokeh, stereo or parallax over this run, shown beside the depth; "
            "may be given several times.",
            flags=("--with",),
            metavar="DIR",
        ),
    ] = ()
    size: Annotated[int, Setting("Long side of its pictures, in pixels.", min=16, max=640)] = 320
