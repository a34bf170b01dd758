"""`maskdepth evaluate`: the paper's metrics and tables for any methods on any test set."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from maskdepth_cli.errors import ExitCode
from maskdepth_cli.evaluation.asked import Asked, Reports
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.settings import Without

if TYPE_CHECKING:
    from maskdepth_cli.evaluation.published import TableNumber
    from maskdepth_cli.evaluation.stages import Evaluation


def evaluate(
    asked: Asked,
    reports: Reports = Reports(),
    options: Annotated[
        RunOptions, Without(("folder", "dry_run", "json", "shard", "cluster"))
    ] = RunOptions(Path()),
) -> ExitCode:
    """Measure whether refinement helps, on the paper's protocol or your own data.

    Metrics, protocol and layouts are described in docs/evaluation.md. Test
    sets lie on disks of this machine, and one run compares all: no s3://, no
    shards.
    """
    from maskdepth_cli.evaluation.stages import evaluate as run

    request, output = asked.request(), asked.output
    place = nullcontext(output) if output else tempfile.TemporaryDirectory(prefix="maskdepth-")
    with place as target:
        evaluation, code = run(request, replace(options, folder=Path(target)))
    if evaluation is not None:
        _report(evaluation, output, reports)
    return code


def _report(evaluation: Evaluation, output: Path | None, asked: Reports) -> None:
    """Write the reports that were asked for; the table goes to the terminal unless one is there."""
    from maskdepth_cli.evaluation import report, tables

    table = (
        tables.comparison(evaluation)
        if asked.table is None
        else tables.paper_table(evaluation, cast("TableNumber", asked.table))
    )
    texts = {
        "json": lambda: report.to_json(evaluation),
        "csv": lambda: report.to_csv(evaluation),
        "markdown": lambda: tables.to_markdown(table, asked.intervals),
    }
    reports = {"json": asked.json, "csv": asked.csv, "markdown": asked.markdown}
    targets = [(name, path) for name, path in reports.items() if path is not None]
    if output is not None:
        names = {"json": "report.json", "csv": "rows.csv", "markdown": "report.md"}
        targets += [(name, output / file) for name, file in names.items()]
    for name, path in targets:
        report.write_text(path, texts[name]())
    if output is not None and any(result.masks for result in evaluation.results):
        report.write_charts(evaluation, output)
    if report.STDOUT not in reports.values():
        tables.show(table, asked.intervals)
