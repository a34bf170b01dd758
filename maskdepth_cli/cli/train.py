"""`maskdepth train`: both stages of the refinement network, and the SIDE network `lite`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskdepth_cli.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from maskdepth_cli.training.logs import Progress


class Schedule(str, Enum):
    """How the learning rate falls."""

    STEP = "step"
    COSINE = "cosine"


class TrainPrecision(str, Enum):
    """Precision of the forward pass."""

    FP32 = "fp32"
    BF16 = "bf16"


def train(
    recipe: Annotated[
        Path, typer.Option(metavar="FILE", help="TOML recipe, such as train/recipes/tiny.toml.")
    ],
    rgbd: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Folder with rgb/, depth/ and maybe seg/, beside the recipe's own sources; "
            "repeatable.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path,
        typer.Option(metavar="DIR", help="What paths of sources in the recipe are relative to."),
    ] = Path(),
    stage: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2,
            help="1: completion, 2: refinement (paper section 3.2); none for lite.",
            show_default=False,
        ),
    ] = None,
    masks: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Folder of masks [default: regions of seg/]; repeatable."),
    ] = None,
    output: options.Output = Path("runs/refinement"),
    start: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights to start from; for stage 2, those of stage 1."),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Held-out folder with rgb/, depth/ and seg/."),
    ] = None,
    validation_initial: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Initial depth maps of the held-out frames."),
    ] = None,
    device: options.DeviceOption = options.Device.AUTO,
    precision: Annotated[
        TrainPrecision, typer.Option(help="Precision of the forward pass.")
    ] = TrainPrecision.BF16,
    workers: Annotated[
        int, typer.Option(min=0, help="Loader processes; 0 loads in the main process.")
    ] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="CPU threads of the network [default: all].")
    ] = 0,
    compiled: options.Compile = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Log for TensorBoard, too, in OUTPUT/tensorboard.")
    ] = False,
    show_data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Draw what the network sees and is asked for into DIR, and train nothing.",
            show_default=False,
        ),
    ] = None,
    schedule: Annotated[
        Schedule | None,
        typer.Option(
            help="Learning rate: in steps (the paper's) or along a cosine [default: the recipe's].",
            show_default=False,
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.NAME=VALUE",
            help="Change a number of the recipe, such as stage2.iterations=1000; repeatable.",
            show_default=False,
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Train the refinement network, or lite.

    A run that was stopped goes on from its last checkpoint when the same
    command is given again.
    """
    from rich.console import Console

    from maskdepth_cli.training.run import TrainRequest
    from maskdepth_cli.training.run import train as run

    console = Console(stderr=True, quiet=quiet or os.environ.get("RANK", "0") != "0")
    section = "train" if stage is None else f"stage{stage}"
    scheduled = [f'{section}.schedule="{schedule.value}"'] if schedule else []
    request = TrainRequest(
        stage=stage,
        recipe=recipe,
        rgbd=tuple(rgbd or ()),
        masks=tuple(masks or ()),
        output=output,
        data=data,
        start=start,
        validation=validation,
        validation_initial=validation_initial,
        device=device.value,
        precision=precision.value,
        workers=workers,
        threads=threads,
        compiled=compiled,
        tensorboard=tensorboard,
        show_data=show_data,
        changes=(*scheduled, *(setting or ())),
    )
    with bar(console) as report:
        path = run(request, report)
    console.print(
        f"{'pictures' if show_data else 'weights'}: {path}", highlight=False, soft_wrap=True
    )


@contextmanager
def bar(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Show progress: a bar on a terminal, elsewhere a line for every line of the log."""
    from rich import progress as rich

    columns = (
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.description}"),
    )
    with rich.Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task("", total=None)

        def report(progress: Progress) -> None:
            text = describe(progress)
            shown.update(
                task, completed=progress.iteration, total=progress.iterations, description=text
            )
            if progress.logged and not console.is_terminal:
                count = f"{progress.iteration}/{progress.iterations}"
                console.print(f"{count}  {text}", highlight=False, soft_wrap=True)

        yield report


def describe(progress: Progress) -> str:
    """Put loss, speed and the time left into one line."""
    left = progress.seconds_left
    parts = "  ".join(f"{name} {value:.4g}" for name, value in progress.parts.items())
    return (
        f"loss {progress.loss:.4g}  {parts}  {progress.samples_per_second:.2f} samples/s  "
        f"{left // 3600:.0f} h {left // 60 % 60:02.0f} min left"
    )
