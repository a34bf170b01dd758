"""The commands over photos: what users type, each option a field of what they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskdepth_cli.commands.app_request import AppRequest
from maskdepth_cli.commands.gallery_request import GalleryRequest
from maskdepth_cli.commands.layered_request import BokehRequest, ExportRequest
from maskdepth_cli.commands.pointcloud_request import PointCloudRequest
from maskdepth_cli.commands.predict_request import PredictRequest
from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.commands.show_request import ShowRequest
from maskdepth_cli.commands.view_requests import MeshRequest, ParallaxRequest, StereoRequest
from maskdepth_cli.errors import ExitCode
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.settings import Without

_Here = Annotated[RunOptions, Without(("cluster",))]


def refine(request: RefineRequest, options: RunOptions = RunOptions(Path("refined"))) -> ExitCode:
    """Sharpen depth maps along masks.

    Photos, masks and initial depth maps pair by name; without depth maps the
    initial depth is predicted. Portrait photos of phones hold both themselves.
    Files that are finished are skipped when the command is run again.
    """
    from maskdepth_cli.commands.refine import refine_files

    return refine_files(request, options)


def predict(request: PredictRequest, options: RunOptions = RunOptions(Path("depths"))) -> ExitCode:
    """Predict initial depth: relative inverse depth, larger is nearer.

    Files that are finished are skipped when the command is run again.
    """
    from maskdepth_cli.commands.predict import predict_files

    return predict_files(request, options)


def show(request: ShowRequest, options: _Here = RunOptions(Path("shown"))) -> ExitCode:
    """Draw depth maps side by side, with close-ups of what changed most.

    All maps of a photo share one range of colours, from the 1st to the 99th
    percentile. Finished pictures are skipped when the command is run again.
    """
    from maskdepth_cli.commands.show import show_files

    return show_files(request, options)


def bokeh(request: BokehRequest, options: _Here = RunOptions(Path("bokeh"))) -> ExitCode:
    """Blur what is out of focus, without colours that bleed across the mask.

    RUN is the target folder of maskdepth refine --layers.
    """
    from maskdepth_cli.commands.bokeh import bokeh_files

    return bokeh_files(request, options)


def stereo(request: StereoRequest, options: _Here = RunOptions(Path("stereo"))) -> ExitCode:
    """Write what both eyes see: side by side, over and under, an anaglyph, or two files.

    RUN is the target folder of maskdepth refine --layers. What the object
    uncovers shows the layer behind it.
    """
    from maskdepth_cli.commands.views import stereo_files

    return stereo_files(request, options)


def parallax(request: ParallaxRequest, options: _Here = RunOptions(Path("parallax"))) -> ExitCode:
    """Write a looping video of a camera that moves a little before the photo.

    RUN is the target folder of maskdepth refine --layers.
    """
    from maskdepth_cli.commands.views import parallax_files

    return parallax_files(request, options)


def mesh(request: MeshRequest, options: _Here = RunOptions(Path("meshes"))) -> ExitCode:
    """Write both layers as textured surfaces in a GLB file for 3D viewers.

    RUN is the target folder of maskdepth refine --layers; needs pip install
    'maskdepth[mesh]'.
    """
    from maskdepth_cli.commands.views import mesh_files

    return mesh_files(request, options)


def export(request: ExportRequest, options: _Here = RunOptions(Path("layers"))) -> ExitCode:
    """Write colour, alpha and depth of object and background for compositors.

    RUN is the target folder of maskdepth refine --layers. All values are
    32-bit floats; colours are in linear light.
    """
    from maskdepth_cli.commands.export import export_files

    return export_files(request, options)


def pointcloud(
    request: PointCloudRequest,
    options: Annotated[RunOptions, Without(("folder", "cluster"))] = RunOptions(Path("points")),
) -> ExitCode:
    """Write photos and their depth as binary PLY files of coloured points.

    x is right, y is up, and the camera looks along -z. Relative inverse depth
    has no scale of its own: choose --near and --far. One photo becomes one
    file; folders become a run, paired by name, whose finished files are
    skipped when the command is run again.
    """
    from maskdepth_cli.commands.pointcloud import point_clouds

    return point_clouds(request, options)


def gallery(request: GalleryRequest) -> None:
    """Write a run's results as one HTML page that needs no other file.

    Before and after under a slider, mask, change and layers; sorted and
    filtered in the browser. Photos come from the previews: refine with
    --preview first. One page holds all photos of a run: there are no shards.
    """
    from maskdepth_cli.commands.gallery import write_gallery

    page, count = write_gallery(request)
    typer.echo(f"{page}: {count} photos", err=True)


def app(request: AppRequest = AppRequest()) -> None:
    """Open a page in the browser: drop a photo, see its depth, take the files.

    The page is served on this machine alone, and nothing leaves it.
    """
    from maskdepth_cli.commands.app import serve

    serve(request)


def merge_manifests(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|FILE...",
            help="Target folders of runs in shards, or manifests; the last one wins.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Manifest to write [default: that of the one folder; its shards' are removed].",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make one manifest out of those of several runs.

    A photo in several of them takes its line from the last one. A damaged
    line is an error, and nothing is written then.
    """
    from maskdepth_cli.run.merging import merge_manifests

    merged = merge_manifests(places, output)
    for shard in merged.missing:
        typer.echo(f"no manifest of shard {shard.index}/{shard.count}: has it run?", err=True)
    if merged.repeated:
        typer.echo(f"{merged.repeated} photos are in several manifests; the last counts", err=True)
    typer.echo(f"{merged.target}: {merged.photos} photos", err=True)
