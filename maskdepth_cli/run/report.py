"""What a run tells: a progress bar and a summary on stderr, JSON lines on stdout."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from maskdepth_cli.errors import OutputError
from maskdepth_cli.files.atomic import reason
from maskdepth_cli.files.names import shown
from maskdepth_cli.run.manifest import DONE, FAILED, PLANNED, SKIPPED, Record, json_line
from maskdepth_cli.run.remarks import Repeats, Sign, Watch


class Reporter:
    """Show how a run goes.

    Parameters
    ----------
    total
        Number of photos.
    folder
        The target folder.
    quiet
        Print failures and nothing else.
    json
        Print one JSON line a photo on stdout.
    label
        What the progress bar is of.
    outside
        Puts what users know in the place of paths that they do not.
    signs
        What is told once of the whole run, see `remarks.Watch`.
    """

    def __init__(
        self,
        total: int,
        folder: Path,
        *,
        quiet: bool = False,
        json: bool = False,
        label: str | None = None,
        outside: Callable[[str], str] = str,
        signs: Sequence[Sign] = (),
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._total = total
        self._folder = folder
        self._quiet = quiet
        self._json = json
        self._stdout = sys.stdout  # kept: a reader may catch for a while what its library prints
        self._label = label
        self._outside = outside
        self._watch = Watch(signs)
        self._failures, self._remarks = Repeats(), Repeats()
        self._bar: Any = None
        self._start = time.perf_counter()

    def __enter__(self) -> Reporter:
        from tqdm import tqdm

        # disable=None: no bar where stderr is a file, whose reader wants lines.
        disable = True if self._quiet else None
        self._bar = tqdm(
            total=self._total,
            desc=self._label,
            unit="photo",
            file=sys.stderr,
            disable=disable,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._end()
        self._bar.close()

    def _end(self) -> None:
        """Tell what is told once, at the end."""
        for text in self._failures.end():
            self._print(f"failed: {text}")
        for text in (*self._remarks.end(), *self._watch.end()):
            self.note(text)

    def note(self, text: str) -> None:
        """Print a remark that fails nothing."""
        if not self._quiet:
            self._print(text)

    def record(self, record: Record, status: str | None = None) -> None:
        """Tell what became of one photo; `status` where it is not the recorded one."""
        status = status or record.status
        self.counts[status] += 1
        if self._json:
            self._print_json(record, status)
        if status == FAILED:
            if self._failures.first(record.name, record.message):
                self._print(f"failed: {record.name}: {record.message}")
        elif status == DONE and record.message and self._remarks.first(record.name, record.message):
            self.note(f"{record.name}: {record.message}")
        if status in (DONE, SKIPPED):
            signs = record.details.get("signs", ())
            for text in self._watch.add(signs if isinstance(signs, list) else ()):
                self.note(text)
        self._bar.update()

    def summary(self) -> None:
        """Print the table at the end of a run, after what is told once."""
        self._end()
        if self._quiet:
            return
        from rich.console import Console
        from rich.table import Table

        self._bar.close()
        table = Table(show_header=False)
        for status, meaning in _MEANINGS.items():
            if self.counts[status] or status in (DONE, FAILED):
                table.add_row(status, str(self.counts[status]), meaning)
        seconds = time.perf_counter() - self._start
        rate = f"{self.counts[DONE] / seconds:.2f} photos a second" if self.counts[DONE] else ""
        table.add_row("time", f"{seconds:.1f} s", rate)
        console = Console(stderr=True)
        console.print(table)
        console.print(
            f"results: {shown(self._outside(str(self._folder)))}", markup=False, highlight=False
        )

    def _print(self, text: str) -> None:
        self._bar.write(shown(self._outside(text)), file=sys.stderr)

    def _print_json(self, record: Record, status: str) -> None:
        row = record.as_dict() | {"status": status}
        for name in ("path", "message"):
            row[name] = self._outside(row[name])
        depth = next(iter(record.outputs.values()), None)
        place = self._outside(str(self._folder / depth["path"])) if depth else None
        row["output"] = place
        try:
            self._bar.write(json_line(row).decode("ascii"), file=self._stdout, end="")
            self._stdout.flush()
        except OSError as error:
            raise OutputError(f"standard output cannot be written: {reason(error)}") from error


_MEANINGS = {
    DONE: "written now",
    SKIPPED: "written by an earlier run from the same inputs, weights and settings",
    PLANNED: "would be written",
    FAILED: "not written; the reasons stand above",
}
