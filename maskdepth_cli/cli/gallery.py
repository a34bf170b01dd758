"""`maskdepth gallery`: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskdepth_cli.cli import options


def gallery(
    run: options.Run,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The page [default: RUN/gallery.html].",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        int, typer.Option(min=16, max=640, help="Long side of its pictures, in pixels.")
    ] = 320,
) -> None:
    """Write a run's results as one HTML page that needs no other file.

    Before and after under a slider, mask, change and layers; sorted and
    filtered in the browser. Photos come from the previews: refine with
    --preview first.
    """
    from maskdepth_cli.commands.gallery import write_gallery

    target = output or run / "gallery.html"
    count = write_gallery(run, target, thumbnail_size=size)
    typer.echo(f"{target}: {count} photos", err=True)
