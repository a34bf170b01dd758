"""`maskdepth pointcloud`: a photo and a depth map as coloured points."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.cli import options


def pointcloud(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", show_default=False)],
    depth: Annotated[
        Path,
        typer.Argument(
            metavar="DEPTH",
            help="Its depth map: initial, refined, or a layer.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The PLY file [default: DEPTH with the extension .ply].",
            show_default=False,
        ),
    ] = None,
    depth_kind: Annotated[
        options.DepthKind, typer.Option(help="What DEPTH holds; not guessed.")
    ] = options.DepthKind.INVERSE,
    near: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            help="Distance of the largest inverse depth [default: 1].",
            show_default=False,
        ),
    ] = None,
    far: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            help="Distance of the smallest inverse depth [default: 10].",
            show_default=False,
        ),
    ] = None,
    range_of: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Inverse depth map whose range --near and --far refer to, so that several "
            "point clouds of a photo fit together [default: DEPTH].",
            show_default=False,
        ),
    ] = None,
    fov: Annotated[
        float, typer.Option(min=1, max=170, help="Horizontal field of view in degrees.")
    ] = 60,
    focal: Annotated[
        float | None,
        typer.Option(
            min=1e-3,
            metavar="PIXELS",
            help="Focal length in pixels, in place of --fov.",
            show_default=False,
        ),
    ] = None,
    cull: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="RATIO",
            help="Leave out points between two surfaces, nearer than one neighbour and farther "
            "than the opposite one by this ratio; 0.05 is a good start.",
            show_default=False,
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Points of this mask only.", show_default=False),
    ] = None,
    behind: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Depth map of what lies behind --mask, such as a run's background layer: its "
            "points are added, with colours continued from around the mask.",
            show_default=False,
        ),
    ] = None,
    max_megapixels: options.MaxMegapixels = MAX_MEGAPIXELS,
) -> None:
    """Write a photo and its depth as a binary PLY file of coloured points.

    x is right, y is up, and the camera looks along -z. Relative inverse depth
    has no scale of its own: choose --near and --far.
    """
    from maskdepth_cli.commands.pointcloud import PointCloudRequest, write_point_cloud

    request = PointCloudRequest(
        photo,
        depth,
        depth_kind=depth_kind.value,
        near=near,
        far=far,
        range_of=range_of,
        field_of_view=fov,
        focal=focal,
        cull=cull,
        mask=mask,
        behind=behind,
        max_megapixels=max_megapixels,
    )
    target = output or depth.with_suffix(".ply")
    count = write_point_cloud(request, target)
    typer.echo(f"{target}: {count} points", err=True)
