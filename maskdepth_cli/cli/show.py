"""`maskdepth show`: depth maps side by side."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.cli import options


class Colormap(str, Enum):
    """Colours of depth, by their names in Matplotlib."""

    SPECTRAL = "Spectral_r"
    INFERNO = "inferno"
    TURBO = "turbo"
    GRAY = "gray"


def show(
    inputs: options.Inputs,
    before: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="Depth maps to start from, paired by name; or one for one photo.",
            show_default=False,
        ),
    ],
    after: Annotated[
        list[Path],
        typer.Option(
            metavar="PATH",
            help="Depth maps to compare with them; may be given several times.",
            show_default=False,
        ),
    ],
    masks: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Masks to show beside them.", show_default=False),
    ] = None,
    instances: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Instance maps in place of masks.", show_default=False),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="True depth: the maps are aligned to it, and where they came nearer to it is "
            "shown in place of where they changed.",
            show_default=False,
        ),
    ] = None,
    depth_kind: Annotated[
        options.DepthKind, typer.Option(help="What --before and --after hold; not guessed.")
    ] = options.DepthKind.INVERSE,
    truth_kind: Annotated[
        options.DepthKind, typer.Option(help="What --truth holds.")
    ] = options.DepthKind.INVERSE,
    output: options.Output = Path("shown"),
    crops: Annotated[
        int, typer.Option(min=0, max=9, help="Close-ups of what changed most, at most.")
    ] = 2,
    colormap: Annotated[
        Colormap, typer.Option(case_sensitive=False, help="Colours of depth.")
    ] = Colormap.SPECTRAL,
    workers: options.Workers = 2,
    max_megapixels: options.MaxMegapixels = MAX_MEGAPIXELS,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Draw depth maps side by side, with close-ups of what changed most.

    All maps of a photo share one range of colours, from the 1st to the 99th
    percentile. Finished pictures are skipped when the command is run again.
    """
    from maskdepth_cli.commands.show import ShowRequest, show_files
    from maskdepth_cli.run.runner import RunOptions

    request = ShowRequest(
        tuple(inputs),
        before,
        tuple(after),
        masks=masks,
        instances=instances,
        truth=truth,
        depth_kind=depth_kind.value,
        truth_kind=truth_kind.value,
        crops=crops,
        colormap=colormap.value,
        max_megapixels=max_megapixels,
    )
    run_options = RunOptions(
        output, overwrite=overwrite, dry_run=dry_run, quiet=quiet, json=json, threads=workers
    )
    raise typer.Exit(int(show_files(request, run_options)))
