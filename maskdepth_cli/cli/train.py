"""`maskdepth train`: both stages of the refinement network, and the SIDE network `lite`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from maskdepth_cli.training.request import TrainRequest

if TYPE_CHECKING:
    from maskdepth_cli.training.logs import Progress


def train(request: TrainRequest) -> None:
    """Train the refinement network, or lite.

    A run that was stopped goes on from its last checkpoint when the same
    command is given again.
    """
    from maskdepth_cli.training.run import train as run

    quiet = request.quiet or os.environ.get("RANK", "0") != "0"
    with bar(quiet=quiet) as report:
        path = run(request, report)
    if not quiet:
        print(f"{'pictures' if request.show_data else 'weights'}: {path}", file=sys.stderr)


@contextmanager
def bar(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show progress: a bar on a terminal, elsewhere a line for every line of the log."""
    from tqdm import tqdm

    layout = "{bar:20} {n_fmt}/{total_fmt}  {desc}"  # a resumed run's rate is not tqdm's
    disable = True if quiet else None
    with tqdm(bar_format=layout, file=sys.stderr, disable=disable) as shown:

        def report(progress: Progress) -> None:
            text = describe(progress)
            shown.total = progress.iterations
            shown.set_description_str(text, refresh=False)
            shown.update(progress.iteration - shown.n)
            if progress.logged and shown.disable and not quiet:
                print(f"{progress.iteration}/{progress.iterations}  {text}", file=sys.stderr)

        yield report


def describe(progress: Progress) -> str:
    """Put loss, speed and the time left into one line."""
    left = progress.seconds_left
    parts = "  ".join(f"{name} {value:.4g}" for name, value in progress.parts.items())
    return (
        f"loss {progress.loss:.4g}  {parts}  {progress.samples_per_second:.2f} samples/s  "
        f"{left // 3600:.0f} h {left // 60 % 60:02.0f} min left"
    )
