"""`maskdepth bokeh`: depth of field from the layers of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.cli import options


def bokeh(
    run: options.Run,
    names: options.Names = None,
    output: options.Output = Path("bokeh"),
    focus: Annotated[
        str | None,
        typer.Option(
            metavar="object|background|X,Y",
            help="What is sharp: all of the object, the middle of what lies behind it, or the "
            "point X,Y in pixels from the upper left [default: object].",
            show_default=False,
        ),
    ] = None,
    focus_mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Focus on the middle of what this mask covers.", show_default=False
        ),
    ] = None,
    aperture: Annotated[
        float,
        typer.Option(
            min=0, max=0.2, help="Radius of the largest blur as a share of the long side."
        ),
    ] = 0.015,
    highlights: Annotated[
        float,
        typer.Option(min=0, max=100, help="How much brighter highlights blur; 0: not at all."),
    ] = 0,
    photos: options.Photos = None,
    workers: options.Workers = 2,
    shard: options.Shard = None,
    max_megapixels: options.MaxMegapixels = MAX_MEGAPIXELS,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Blur what is out of focus, without colours that bleed across the mask.

    RUN is the target folder of maskdepth refine --layers.
    """
    from maskdepth_cli.commands.bokeh import BokehRequest, bokeh_files
    from maskdepth_cli.run.runner import RunOptions
    from maskdepth_cli.run.shards import parse_shard

    request = BokehRequest(
        run,
        tuple(names or ()),
        photos=photos,
        focus=focus,
        focus_mask=focus_mask,
        aperture=aperture,
        highlights=highlights,
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
    raise typer.Exit(int(bokeh_files(request, run_options)))
