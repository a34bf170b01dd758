"""Comparisons as tables: for the terminal and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maskdepth_cli.evaluation.methods import INITIAL
from maskdepth_cli.evaluation.published import ARRANGEMENTS, TableNumber
from maskdepth_cli.evaluation.stages import Evaluation, Result
from maskdepth_cli.metrics.summary import HIGHER_IS_BETTER, Estimate, Summary, columns, summarise

if TYPE_CHECKING:
    from rich.table import Table as RichTable

TITLES = {
    "r3": "R3",
    "mbe": "MBE",
    "eps_acc": "eps_acc",
    "eps_comp": "eps_comp",
    "whdr": "WHDR",
    "rmse": "RMSE",
    "boundary_f1": "F1",
    "mask_recall": "recall",
    "holes": "holes",
    "hair": "hair",
    "rest": "rest",
    "hidden": "hidden",
    "flicker": "flicker",
}
DIGITS = {"eps_acc": 3, "eps_comp": 3, "r3": 3, "boundary_f1": 3, "mask_recall": 3}
EXTRA = ("R3 median", "MBE worse", "s/frame")
PUBLISHED = "published"


@dataclass(frozen=True)
class TableRow:
    """One line: a method, or the published figures of one."""

    label: str
    values: tuple[float | None, ...]  # in the order of the columns; None prints as a dash
    intervals: tuple[tuple[float, float] | None, ...]
    extra: tuple[str, ...] = ()
    published: bool = False


@dataclass(frozen=True)
class Table:
    """A comparison, ready to be printed."""

    title: str
    metrics: tuple[str, ...]
    rows: tuple[TableRow, ...]
    extra: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def best(self) -> set[tuple[int, int]]:
        """Row and column of the best measured values, as they are printed; ties are all best."""
        found = set()
        for column, metric in enumerate(self.metrics):
            shown = {
                index: _rounded(metric, row.values[column])
                for index, row in enumerate(self.rows)
                if not row.published and not _missing(row.values[column])
            }
            if len(shown) > 1:
                choose = max if metric in HIGHER_IS_BETTER else min
                winner = choose(shown.values())
                found |= {(index, column) for index, value in shown.items() if value == winner}
        return found


def summaries(evaluation: Evaluation, draws: int = 1000) -> list[tuple[Result, Summary, float]]:
    """Summarise every result over the common frames, with the mean seconds a frame took."""
    frames = evaluation.frames
    initial = [evaluation.results[0].rows[name].scores for name in frames]
    found = []
    for result in evaluation.results:
        rows = [result.rows[name] for name in frames]
        seconds = sum(row.seconds for row in rows) / len(rows) if rows else math.nan
        before = None if result.method.name == INITIAL else initial
        found.append((result, summarise([row.scores for row in rows], before, draws), seconds))
    return found


def comparison(evaluation: Evaluation, draws: int = 1000) -> Table:
    """Arrange all methods, masks degraded or not, with all metrics that the set has."""
    found = summaries(evaluation, draws)
    metrics = columns(summary for _, summary, _ in found)
    rows = [_row(_label(result), metrics, summary, seconds) for result, summary, seconds in found]
    return Table(_title(evaluation), metrics, tuple(rows), EXTRA, tuple(_notes(evaluation)))


def paper_table(evaluation: Evaluation, number: TableNumber, draws: int = 1000) -> Table:
    """Arrange the methods as one of the paper's tables.

    The published figures stand below the measured ones where the frames and the SIDE model are
    the paper's; otherwise a note says why they are left out. Methods that the table does not have
    come last.
    """
    arrangement = ARRANGEMENTS[number]
    key = (evaluation.dataset.paper_set or "", evaluation.initial)
    complete = len(evaluation.frames) == len(evaluation.dataset)
    published = arrangement.figures.get(key, {}) if complete else {}
    measured = [found for found in summaries(evaluation, draws) if not found[0].masks]
    rows = []
    for name, title in arrangement.rows.items():
        for result, summary, seconds in measured:
            if result.method.name == name:
                words = result.method.label.removeprefix(name).strip()
                label = f"{title} {words}".strip()
                rows.append(_row(label, arrangement.metrics, summary, seconds))
        if name in published:
            label = f"{title}, {PUBLISHED}"
            nothing = (None,) * len(arrangement.metrics)
            rows.append(TableRow(label, published[name], nothing, published=True))
    rows += [
        _row(_label(result), arrangement.metrics, summary, seconds)
        for result, summary, seconds in measured
        if result.method.name not in arrangement.rows
    ]
    notes = _notes(evaluation)
    if not published:
        notes.append(_why_unpublished(evaluation, arrangement.figures, complete))
    rows = [TableRow(r.label, r.values, r.intervals, published=r.published) for r in rows]
    title = f"As Table {number} of the paper: {_title(evaluation)}"
    return Table(title, arrangement.metrics, tuple(rows), notes=tuple(notes))


def to_rich(table: Table, intervals: bool = False) -> RichTable:
    """Lay a table out for the terminal: the best in bold, published figures in italics."""
    from rich.markup import escape
    from rich.table import Table as RichTable

    best = table.best()
    laid = RichTable(title=escape(table.title), title_justify="left")
    laid.add_column("method", overflow="fold")
    for metric in table.metrics:
        laid.add_column(heading(metric, "↑", "↓"), justify="right", no_wrap=True)
    for title in table.extra:
        laid.add_column(title, justify="right")
    for index, row in enumerate(table.rows):
        bold = {column for line, column in best if line == index}
        cells = _cells(table, row, bold, "[bold]{}[/bold]", "\n[dim]{}[/dim]" if intervals else "")
        style = "italic" if row.published else None
        laid.add_row(escape(row.label), *cells, *row.extra, style=style)
    return laid


def show(table: Table, intervals: bool = False) -> None:
    """Print a table on stdout; where that is no terminal, it is as wide as it needs to be."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=1000)
    console.print(to_rich(table, intervals))
    for note in table.notes:
        console.print(note, markup=False, highlight=False)


def to_markdown(table: Table, intervals: bool = False) -> str:
    """Write a table in Markdown, with its title above and its notes below."""
    best = table.best()
    heads = ["method", *(heading(metric, "↑", "↓") for metric in table.metrics), *table.extra]
    lines = [f"**{_plain(table.title)}**", "", _line(heads)]
    lines.append(_line(["---", *["---:"] * (len(heads) - 1)]))
    for index, row in enumerate(table.rows):
        bold = {column for line, column in best if line == index}
        cells = _cells(table, row, bold, "**{}**", " ({})" if intervals else "")
        label = f"*{_plain(row.label)}*" if row.published else _plain(row.label)
        cells += row.extra or [""] * len(table.extra)
        lines.append(_line([label, *cells]))
    for note in table.notes:
        lines += ["", _plain(note)]
    return "\n".join(lines) + "\n"


def _cells(table: Table, row: TableRow, best: set[int], bold: str, behind: str) -> list[str]:
    """Lay a row's values out: the best as `bold` says, intervals as `behind` says, "" for none."""
    cells = []
    for column, metric in enumerate(table.metrics):
        text = format_value(metric, row.values[column])
        text = bold.format(text) if column in best else text
        interval = row.intervals[column]
        if behind and interval is not None:
            text += behind.format(_interval(metric, interval))
        cells.append(text)
    return cells


def format_value(metric: str, value: float | None) -> str:
    """Print a value with the digits of its metric; a dash where it is not defined."""
    if _missing(value):
        return "-"
    return f"{value:.{DIGITS.get(metric, 4)}f}"


def heading(metric: str, up: str, down: str) -> str:
    """Name a column, with the direction that is better."""
    return f"{TITLES[metric]} {up if metric in HIGHER_IS_BETTER else down}"


def _row(label: str, metrics: Sequence[str], summary: Summary, seconds: float) -> TableRow:
    estimates: list[Estimate] = [summary.estimates[metric] for metric in metrics]
    worse = summary.worse_mbe
    extra = (
        format_value("r3", summary.r3_median),
        "-" if math.isnan(worse) else f"{100 * worse:.0f}%",
        "-" if seconds == 0 or math.isnan(seconds) else f"{seconds:.3g}",
    )
    intervals = tuple(
        None if math.isnan(estimate.low) else (estimate.low, estimate.high)
        for estimate in estimates
    )
    return TableRow(label, tuple(estimate.value for estimate in estimates), intervals, extra)


def _label(result: Result) -> str:
    return f"{result.method.label}, {result.masks}" if result.masks else result.method.label


def _title(evaluation: Evaluation) -> str:
    count = len(evaluation.frames)
    return (
        f"{evaluation.dataset.title}: {count} frame{'s' * (count != 1)}, "
        f"initial depth: {evaluation.initial}"
    )


def _notes(evaluation: Evaluation) -> list[str]:
    notes = [f"Masks: {evaluation.dataset.masks}."]
    lost = len(evaluation.dataset) - len(evaluation.frames)
    if lost:
        notes.append(f"{lost} of {len(evaluation.dataset)} frames failed and are left out.")
    return notes


def _why_unpublished(
    evaluation: Evaluation, figures: Mapping[tuple[str, str], object], complete: bool
) -> str:
    models = sorted({model for _, model in figures})
    if evaluation.dataset.paper_set is None:
        reason = "the frames are not the paper's"
    elif not complete:
        reason = "some frames failed"
    elif evaluation.initial not in models:
        reason = f"the initial depth is not of {' or '.join(models)}"
    else:
        reason = f"the table has none for {evaluation.dataset.paper_set}"
    return f"Published figures are left out: {reason}."


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _rounded(metric: str, value: float | None) -> float:
    return float(format_value(metric, value))


def _interval(metric: str, interval: tuple[float, float]) -> str:
    return "–".join(format_value(metric, bound) for bound in interval)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(text: str) -> str:
    """Keep text of file names from being markup."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("\n", " ")
