"""What `pointcloud` was asked for, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from maskdepth_cli.choices import MAX_MEGAPIXELS, DepthKind
from maskdepth_cli.settings import MaxMegapixelsSetting, Setting, UnknownSetting


@dataclass(frozen=True)
class PointCloudRequest:
    """What `maskdepth pointcloud` was asked for."""

    photo: Annotated[
        str, Setting("A photo, or a folder of photos.", argument=True, metavar="PHOTO", place=True)
    ]
    depth: Annotated[
        Path,
        Setting(
            "Its depth map: initial, refined, or a layer; or a folder of them, paired by name.",
            argument=True,
            metavar="DEPTH",
            place=True,
        ),
    ]
    output: Annotated[
        Path | None,
        Setting(
            "A PLY file for one photo, or the target folder of a run over photos.",
            flags=("--output", "-o"),
            metavar="FILE.ply|DIR",
            default_text="DEPTH with the extension .ply; points for folders",
            decides=False,
        ),
    ] = None
    depth_kind: Annotated[DepthKind, Setting("What DEPTH holds; not guessed.")] = "inverse"
    unknown: UnknownSetting = None
    near: Annotated[
        float | None,
        Setting(
            "Distance of what is nearest, where the map has no scale.", min=1e-6, default_text="1"
        ),
    ] = None
    far: Annotated[
        float | None,
        Setting("Distance of what is farthest.", min=1e-6, default_text="10"),
    ] = None
    range_of: Annotated[
        Path | None,
        Setting(
            "Depth map of the same kind whose range --near and --far refer to, so that several "
            "point clouds of a photo fit together.",
            metavar="PATH",
            place=True,
            default_text="DEPTH",
        ),
    ] = None
    field_of_view: Annotated[
        float, Setting("Horizontal field of view in degrees.", flags=("--fov",), min=1, max=170)
    ] = 60.0
    focal: Annotated[
        float | None,
        Setting("Focal length in pixels, in place of --fov.", metavar="PIXELS", min=1e-3),
    ] = None
    cull: Annotated[
        float | None,
        Setting(
            "Leave out points between two surfaces, nearer than one neighbour and farther "
            "than the opposite one by this ratio; 0.05 is a good start.",
            metavar="RATIO",
            min=0,
        ),
    ] = None
    mask: Annotated[
        Path | None, Setting("Points of this mask only.", metavar="PATH", place=True)
    ] = None
    behind: Annotated[
        Path | None,
        Setting(
            "Depth map of what lies behind --mask, such as a run's background layer: its "
            "points are added, with colours continued from around the mask.",
            metavar="PATH",
            place=True,
        ),
    ] = None
    max_megapixels: MaxMegapixelsSetting = MAX_MEGAPIXELS
