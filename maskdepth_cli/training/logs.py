"""What a training run says about itself: CSV files, and TensorBoard where it is wanted."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskdepth_cli.extras import extra
from maskdepth_cli.files.atomic import atomic_write

LOG, VALIDATION, TENSORBOARD = "log.csv", "validation.csv", "tensorboard"


@dataclass(frozen=True)
class Progress:
    """State of a running training after an iteration."""

    iteration: int
    iterations: int
    loss: float  # mean since the last line of the log, as are the parts
    parts: Mapping[str, float]
    learning_rate: float
    samples_per_second: float
    seconds_left: float
    logged: bool  # it is a line of the log


class RunLog:
    """``log.csv``, ``validation.csv`` and, if wanted, ``tensorboard/`` in a run's folder.

    Parameters
    ----------
    folder : Path
        The run's folder.
    iteration : int
        Where the run starts or goes on: what a killed run wrote of later ones is dropped.
    tensorboard : bool
        Write scalars for TensorBoard, too.

    Raises
    ------
    UsageError
        TensorBoard is wanted and not installed.
    """

    def __init__(self, folder: Path, iteration: int, tensorboard: bool = False) -> None:
        self.folder = folder
        for name in (LOG, VALIDATION):
            _cut(folder / name, iteration)
        self.writer = _writer(folder / TENSORBOARD, iteration) if tensorboard else None

    def training(self, progress: Progress) -> None:
        """Log losses, learning rate and speed."""
        figures = {
            "loss": progress.loss,
            **progress.parts,
            "learning_rate": progress.learning_rate,
            "samples_per_second": progress.samples_per_second,
        }
        self._log(LOG, "training", progress.iteration, figures)

    def validation(self, iteration: int, figures: Mapping[str, float]) -> bool:
        """Log figures of held-out data; tell whether the first of them was never lower."""
        path, first = self.folder / VALIDATION, next(iter(figures))
        best = min((float(row[first]) for row in _rows(path)), default=math.inf)
        self._log(VALIDATION, "validation", iteration, figures)
        return figures[first] < best

    def close(self) -> None:
        """Write what is pending."""
        if self.writer is not None:
            self.writer.close()

    def _log(self, name: str, group: str, iteration: int, figures: Mapping[str, float]) -> None:
        path = self.folder / name
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["iteration", *figures])
            writer.writerow([iteration, *(f"{value:.6g}" for value in figures.values())])
        if self.writer is not None:
            for key, value in figures.items():
                self.writer.add_scalar(f"{group}/{key}", value, iteration)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _cut(path: Path, iteration: int) -> None:
    """Drop the rows behind an iteration."""
    rows = _rows(path)
    kept = [row for row in rows if int(row["iteration"]) <= iteration]
    if len(kept) == len(rows):
        return
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(kept)


def _writer(folder: Path, iteration: int) -> Any:
    extra("tensorboard", "train", "logging for TensorBoard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=iteration + 1)
