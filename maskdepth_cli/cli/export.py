"""`maskdepth export`: layers for compositors."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.cli import options


class LayersFormat(str, Enum):
    """Files of layers."""

    TIFF = "tiff"
    EXR = "exr"
    FILES = "files"


def export(
    run: options.Run,
    names: options.Names = None,
    output: options.Output = Path("layers"),
    format: Annotated[
        LayersFormat,
        typer.Option(
            help="tiff: one file with a page a layer; exr: one file with named channels "
            "(pip install 'maskdepth[exr]'); files: one TIFF a layer."
        ),
    ] = LayersFormat.TIFF,
    photos: options.Photos = None,
    workers: options.Workers = 2,
    shard: options.Shard = None,
    max_megapixels: options.MaxMegapixels = MAX_MEGAPIXELS,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Write colour, alpha and depth of object and background for compositors.

    RUN is the target folder of maskdepth refine --layers. All values are
    32-bit floats; colours are in linear light.
    """
    from maskdepth_cli.commands.export import ExportRequest, export_files
    from maskdepth_cli.run.runner import RunOptions
    from maskdepth_cli.run.shards import parse_shard

    request = ExportRequest(
        run,
        tuple(names or ()),
        photos=photos,
        format=format.value,
        max_megapixels=max_megapixels,
    )
    run_options = RunOptions(
        output,
        overwrite=overwrite,
        dry_run=dry_run,
        quiet=quiet,
        json=json,
        threads=workers,
        shard=parse_shard(shard) if shard else None,
    )
    raise typer.Exit(int(export_files(request, run_options)))
