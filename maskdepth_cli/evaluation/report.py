"""What an evaluation leaves: JSON, one CSV row per frame and method, Markdown, charts."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maskdepth_cli.evaluation.degradation import STEPS, Degradation
from maskdepth_cli.evaluation.stages import Evaluation, slug
from maskdepth_cli.evaluation.tables import TITLES, heading, summaries
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.metrics.errors import refinement_ratio
from maskdepth_cli.metrics.summary import METRICS, Summary, columns

STDOUT = Path("-")
KINDS = {
    "dilate": "masks dilated, radius in pixels",
    "erode": "masks eroded, radius in pixels",
    "coarsen": "masks coarsened, factor",
    "wander": "edges wander, by pixels at most",
}


def write_text(path: Path, text: str) -> None:
    """Write a report, whole or not at all; ``-`` is stdout.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    if path == STDOUT:
        sys.stdout.write(text)
        return
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def to_json(evaluation: Evaluation, draws: int = 1000) -> str:
    """Return everything: settings, summaries with confidence intervals, rows, failures.

    Values that are not defined are null; an infinite R3 is the string ``"inf"``.
    """
    dataset = evaluation.dataset
    document = {
        "dataset": {"layout": dataset.key, "title": dataset.title, "masks": dataset.masks},
        "initial": evaluation.initial,
        "settings": asdict(evaluation.settings),
        "frames": {"all": len(dataset), "compared": len(evaluation.frames)},
        "failed": [{"frame": name, "reason": why} for name, why in evaluation.failed.items()],
        "methods": [
            {
                "method": result.method.label,
                "masks": result.masks or "as they are",
                **{metric: asdict(summary.estimates[metric]) for metric in METRICS},
                "r3_median": summary.r3_median,
                "worse_mbe": summary.worse_mbe,
                "seconds": seconds,
            }
            for result, summary, seconds in summaries(evaluation, draws)
        ],
        "rows": list(_rows(evaluation)),
    }
    return json.dumps(_json_values(document), indent=1, allow_nan=False) + "\n"


def to_csv(evaluation: Evaluation) -> str:
    """Return one row per frame and method; empty where a metric is not defined."""
    text = io.StringIO()
    writer = None
    for row in _rows(evaluation):
        if writer is None:
            writer = csv.DictWriter(text, row, lineterminator="\n")
            writer.writeheader()
        writer.writerow({key: "" if _undefined(value) else value for key, value in row.items()})
    return text.getvalue()


def write_charts(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Plot every metric against the degradation of the masks.

    Parameters
    ----------
    evaluation : Evaluation
        With results for degraded masks.
    folder : Path
        Where ``degraded_METRIC.png`` are written.

    Returns
    -------
    list of Path
        The pictures.
    """
    from maskdepth_cli.viewing.charts import Chart, draw_charts
    from maskdepth_cli.viewing.pictures import write_picture

    found = {
        (result.method.label, result.masks): summary
        for result, summary, _ in summaries(evaluation, draws=0)
    }
    labels = list(dict.fromkeys(label for label, masks in found if masks))
    initial = found[evaluation.results[0].method.label, ""]
    paths = []
    for metric in columns(found.values()):
        charts = []
        for kind, title in KINDS.items():
            steps: list[Degradation | None] = [None, *(s for s in STEPS if s.kind == kind)]
            series = {
                label: [_value(found, label, step, metric) for step in steps] for label in labels
            }
            ticks = [str(step.amount) if step else "none" for step in steps]
            level = None if metric == "r3" else initial.estimates[metric].value
            charts.append(Chart(title, ticks, series, level))
        title = f"{heading(metric, '(higher is better)', '(lower is better)')}, degraded masks"
        picture = draw_charts(title, charts, "" if metric == "r3" else "initial depth")
        path = folder / f"degraded_{slug(TITLES[metric])}.png"
        write_picture(path, picture)
        paths.append(path)
    return paths


def _value(
    found: dict[tuple[str, str], Summary], label: str, step: Degradation | None, metric: str
) -> float:
    return found[label, str(step or "")].estimates[metric].value


def _rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """Per-frame rows of all methods, frames in the set's order."""
    for frame in evaluation.dataset.frames:
        for result in evaluation.results:
            row = result.rows.get(frame.name)
            if row is None:
                continue
            yield {
                "frame": row.name,
                "method": row.method,
                "masks": result.masks or "as they are",
                "r3": refinement_ratio(row.scores.improved, row.scores.worsened),
                **asdict(row.scores),
                "seconds": row.seconds,
            }


def _undefined(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _json_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_values(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
