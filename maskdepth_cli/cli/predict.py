"""`maskdepth predict`: initial depth from photos alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.cli import options


def predict(
    inputs: options.Inputs,
    output: options.Output = Path("depths"),
    model: options.Model = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Checkpoint on disk in place of the model's own; alone, its keys tell the model.",
        ),
    ] = None,
    model_gives: options.ModelGives = None,
    tta: options.TtaOption = options.Tta.NONE,
    format: options.Format = options.DepthFormat.PNG,
    preview: options.Preview = False,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Photos of equal network size computed at once.")
    ] = 8,
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
    """Predict initial depth: relative inverse depth, larger is nearer.

    Files that are finished are skipped when the command is run again.
    """
    from maskdepth_cli.commands.predict import PredictRequest, predict_files
    from maskdepth_cli.run.cluster import ray_choice
    from maskdepth_cli.run.runner import RunOptions
    from maskdepth_cli.run.shards import parse_shard
    from maskdepth_cli.side.choice import SideChoice

    side = SideChoice(
        model,
        weights,
        model_gives.value if model_gives else None,
        {
            "tta": tta.value,
            "batch_size": batch_size,
            "device": device.value,
            "precision": precision.value,
            "compiled": compiled,
        },
    )
    request = PredictRequest(
        tuple(inputs),
        side,
        format=format.value,
        preview=preview,
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
    raise typer.Exit(int(predict_files(request, run_options)))
