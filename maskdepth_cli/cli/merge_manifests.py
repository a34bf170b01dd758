"""`maskdepth merge-manifests`: one manifest out of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
