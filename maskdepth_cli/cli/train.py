"""`maskdepth train`: both stages of the refinement network, and the SIDE network `lite`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from maskdepth_cli.training.request import TrainRequest

if TYPE_CHECKING:
    from rich.console import Console

    from maskdepth_cli.training.logs import Progress


def train(request: TrainRequest) -> None:
    """Train the refinement network, or lite.

    A run that was stopped goes on from its last checkpoint when the same
    command is given again.
    """
    from rich.console import Console

    from maskdepth_cli.training.run import train as run

    console = Console(stderr=True, quiet=request.quiet or os.environ.get("RANK", "0") != "0")
    with bar(console) as report:
        path = run(request, report)
    console.print(
        f"{'pictures' if request.show_data else 'weights'}: {path}", highlight=False, soft_wrap=True
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
