"""`maskdepth refine`: sharpen initial depth along masks."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.cli import options
from maskdepth_cli.engine.loading import DEFAULT_WEIGHTS


class Keep(str, Enum):
    """Where the initial depth survives."""

    BAND = "band"
    NONE = "none"


def refine(
    inputs: options.Inputs,
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Folder of masks, white = object: NAME.png, or several as NAME/*.png; "
            "or one mask for one photo.",
        ),
    ] = None,
    instances: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Instance maps in place of masks; 0 = no instance."),
    ] = None,
    depths: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Initial depth maps, paired by name as masks are; without, they are predicted.",
        ),
    ] = None,
    depth_kind: Annotated[
        options.DepthKind,
        typer.Option(help="What --depths holds: inverse (larger = nearer) or depth; not guessed."),
    ] = options.DepthKind.INVERSE,
    model: options.Model = None,
    model_gives: options.ModelGives = None,
    tta: options.TtaOption = options.Tta.NONE,
    output: options.Output = Path("refined"),
    format: options.Format = options.DepthFormat.PNG,
    layers: Annotated[
        bool,
        typer.Option("--layers", help="Also write both layers' depth and the mask, to DIR/layers."),
    ] = False,
    preview: options.Preview = False,
    weights: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Refinement weights.")
    ] = DEFAULT_WEIGHTS,
    keep: Annotated[
        Keep | None,
        typer.Option(
            help="band: far from mask boundaries the initial depth survives exactly "
            "(the default); none: the network's output everywhere.",
            show_default=False,
        ),
    ] = None,
    working_size: Annotated[
        int | None,
        typer.Option(
            min=32,
            help="Long side at which the network works, in pixels [default: 512].",
            show_default=False,
        ),
    ] = None,
    min_instance_share: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Leave out instances that cover less of the photo [default: 0.01].",
            show_default=False,
        ),
    ] = None,
    merge: Annotated[
        options.Merge | None,
        typer.Option(
            help="Several masks for a photo. own: a pixel follows the mask that covers it "
            "(the default); largest: the largest change wins, as in the paper.",
            show_default=False,
        ),
    ] = None,
    windows: Annotated[
        bool,
        typer.Option(
            help="Refine small masks within their surroundings, which is faster, or each over "
            "the whole photo, as a single one is with --layers."
        ),
    ] = True,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Masks computed at once; on a GPU those of several photos, too [default: 8].",
            show_default=False,
        ),
    ] = None,
    device: options.DeviceOption = options.Device.AUTO,
    precision: options.PrecisionOption = options.Precision.AUTO,
    compiled: options.Compile = False,
    workers: options.Workers = 2,
    shard: options.Shard = None,
    executor: options.ExecutorOption = options.Executor.LOCAL,
    ray_address: options.RayAddress = None,
    ray_workers: options.RayWorkers = None,
    max_megapixels: options.MaxMegapixels = MAX_MEGAPIXELS,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Sharpen depth maps along masks.

    Photos, masks and initial depth maps pair by name; without depth maps the
    initial depth is predicted. Files that are finished are skipped when the
    command is run again.
    """
    from maskdepth_cli.commands.refine import refine_files
    from maskdepth_cli.commands.refine_request import RefineRequest
    from maskdepth_cli.run.cluster import ray_choice
    from maskdepth_cli.run.runner import RunOptions
    from maskdepth_cli.run.shards import parse_shard
    from maskdepth_cli.side.choice import SideChoice

    given = {
        "working_size": working_size,
        "keep": keep.value if keep else None,
        "min_instance_share": min_instance_share,
        "merge": merge.value if merge else None,
        "windows": windows,
        "batch_size": batch_size,
        "device": device.value,
        "precision": precision.value,
        "compiled": compiled,
    }
    request = RefineRequest(
        tuple(inputs),
        masks=masks,
        instances=instances,
        depths=depths,
        side=SideChoice(
            model,
            gives=model_gives.value if model_gives else None,
            settings={
                "tta": tta.value,
                "device": device.value,
                "precision": precision.value,
                "compiled": compiled,
            },
        ),
        depth_kind=depth_kind.value,
        format=format.value,
        layers=layers,
        preview=preview,
        weights=weights,
        settings={name: value for name, value in given.items() if value is not None},
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
        ray=ray_choice(executor.value, ray_address, ray_workers),
    )
    raise typer.Exit(int(refine_files(request, run_options)))
