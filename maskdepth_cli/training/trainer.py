"""One training loop for every network: refinement in both stages, and the small SIDE network."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from maskdepth_cli.errors import MaskdepthError, WeightsError
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.training.recipe import TrainSettings

CHECKPOINT = "last.pt"
LOG = "log.csv"
REPORT_EVERY = 20  # iterations averaged into one line of the log


class Task(Protocol):
    """What is trained: a network, its samples and its loss."""

    network: nn.Module

    def sample(self, index: int) -> Any:
        """Draw the sample of an index; a pure function of it."""

    def collate(self, samples: list[Any]) -> Any:
        """Stack samples into a batch with a method ``to(device)``."""

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss of a batch on the training device, and its parts for the log."""

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Measure on held-out data; the first figure decides which checkpoint is best (lower)."""

    def save(self, network: nn.Module, path: Path) -> None:
        """Write the network's weights as a file that inference loads."""


@dataclass(frozen=True)
class Progress:
    """One report of a running training."""

    iteration: int
    iterations: int
    loss: float
    parts: Mapping[str, float]
    learning_rate: float
    samples_per_second: float
    seconds_left: float


class Trainer:
    """Runs a task: AdamW, step or cosine schedule, clipping, EMA, resumable checkpoints.

    Parameters
    ----------
    task : Task
        What to train.
    settings : TrainSettings
        How long and how fast.
    folder : Path
        Takes ``last.pt`` (to resume from), ``weights.safetensors`` (EMA weights) and ``log.csv``.
    device : torch.device
        Training device.
    precision : {"fp32", "bf16"}
        Autocast precision of the forward pass.
    workers : int
        Loader processes; 0 loads in this process.
    """

    def __init__(
        self,
        task: Task,
        settings: TrainSettings,
        folder: Path,
        *,
        device: torch.device,
        precision: str = "bf16",
        workers: int = 0,
    ) -> None:
        self.task, self.settings, self.folder = task, settings, folder
        self.device, self.precision, self.workers = device, precision, workers
        self.network = task.network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.network, settings.weight_decay, settings.encoder_scale),
            lr=settings.learning_rate,
        )
        self.iteration = 0

    def run(self, report: Callable[[Progress], None] = lambda progress: None) -> Path:
        """Train from the last checkpoint, if there is one, to the end.

        Returns
        -------
        Path
            The EMA weights, ``folder/weights.safetensors``.

        Raises
        ------
        MaskdepthError
            The loss stopped being finite; the batch is saved beside the checkpoint.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.resume()
        started, window = time.perf_counter(), []
        for batches in self._batches():
            window.append(self._step(batches))
            if self.iteration % REPORT_EVERY == 0 or self.iteration == self.settings.iterations:
                seconds = time.perf_counter() - started
                report(self._report(window, seconds))
                started, window = time.perf_counter(), []
            if self.iteration % self.settings.save_every == 0:
                self.save()
            if self.iteration % self.settings.validate_every == 0:
                self._validate()
        self.save()
        return self.folder / "weights.safetensors"

    def resume(self) -> None:
        """Load ``last.pt`` if it is there."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.ema.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.iteration = state["iteration"]
        except (RuntimeError, KeyError, ValueError) as error:
            raise WeightsError(
                f"{path}: not a checkpoint of this recipe ({str(error).splitlines()[0]}); "
                "use another --output folder or remove it"
            ) from error

    def save(self) -> None:
        """Write the checkpoint and the EMA weights, each whole or not at all."""
        with atomic_write(self.folder / CHECKPOINT) as temporary:
            torch.save(
                {
                    "network": self.network.state_dict(),
                    "ema": self.ema.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "iteration": self.iteration,
                },
                temporary,
            )
        self.task.save(self.ema, self.folder / "weights.safetensors")

    def learning_rate(self, iteration: int) -> float:
        """Learning rate of an iteration: warm-up, then the schedule."""
        s = self.settings
        if iteration < s.warmup:
            return s.learning_rate * (iteration + 1) / s.warmup
        share = iteration / s.iterations
        if s.schedule == "cosine":
            return s.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        return s.learning_rate * 0.1 ** sum(share >= milestone for milestone in s.milestones)

    def _batches(self) -> Iterator[list[Any]]:
        s = self.settings
        per_iteration = s.batch_size * s.accumulate
        loader = DataLoader(
            _Indexed(self.task),
            sampler=range(self.iteration * per_iteration, s.iterations * per_iteration),
            batch_size=s.batch_size,
            num_workers=self.workers,
            collate_fn=self.task.collate,
            drop_last=True,
        )
        group = []
        for batch in loader:
            group.append(batch)
            if len(group) == s.accumulate:
                yield group
                group = []

    def _step(self, batches: list[Any]) -> tuple[float, dict[str, float]]:
        self.network.train()
        rate = self.learning_rate(self.iteration)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_scale"]
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        parts: Mapping[str, Tensor] = {}
        for batch in batches:
            batch = batch.to(self.device)
            with self._autocast():
                loss, parts = self.task.loss(self.network, batch)
            if not torch.isfinite(loss):
                path = self.folder / f"not-finite-{self.iteration}.pt"
                torch.save(batch, path)
                raise MaskdepthError(
                    f"the loss is {float(loss.detach())} at iteration {self.iteration}; the batch "
                    f"is saved as {path}. Lower the learning rate and run again: it goes on "
                    "from the checkpoint before this."
                )
            (loss / len(batches)).backward()
            total += float(loss.detach()) / len(batches)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimizer.step()
        self._average()
        self.iteration += 1
        return total, {name: float(value.detach()) for name, value in parts.items()}

    def _average(self) -> None:
        """EMA; its memory grows from the start so that early weights do not linger."""
        decay = min(self.settings.ema, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            for mean, value in zip(
                self.ema.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)

    def _autocast(self) -> Any:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _report(self, window: list[tuple[float, dict[str, float]]], seconds: float) -> Progress:
        samples = len(window) * self.settings.batch_size * self.settings.accumulate
        progress = Progress(
            iteration=self.iteration,
            iterations=self.settings.iterations,
            loss=_mean([loss for loss, _ in window]),
            parts={name: _mean([p[name] for _, p in window]) for name in window[0][1]},
            learning_rate=self.learning_rate(self.iteration - 1),
            samples_per_second=samples / seconds,
            seconds_left=(self.settings.iterations - self.iteration) * seconds / len(window),
        )
        _append(
            self.folder / LOG,
            {
                "iteration": progress.iteration,
                "loss": progress.loss,
                **progress.parts,
                "learning_rate": progress.learning_rate,
                "samples_per_second": progress.samples_per_second,
            },
        )
        return progress

    def _validate(self) -> None:
        figures = self.task.validate(self.ema.eval())
        if not figures:
            return
        path = self.folder / "validation.csv"
        score = next(iter(figures.values()))
        best = min(_column(path, next(iter(figures))), default=math.inf)
        _append(path, {"iteration": self.iteration, **figures})
        if score < best:
            self.task.save(self.ema, self.folder / "best.safetensors")


def parameter_groups(
    network: nn.Module, weight_decay: float, encoder_scale: float = 1.0
) -> list[dict[str, Any]]:
    """Split parameters: norms and biases are not decayed, the encoder has its own learning rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decay = weight_decay if parameter.ndim > 1 else 0.0
            scale = encoder_scale if name.startswith("encoder.") else 1.0
            groups.setdefault((decay, scale), []).append(parameter)
    return [
        {"params": params, "weight_decay": decay, "lr_scale": scale}
        for (decay, scale), params in groups.items()
    ]


class _Indexed(Dataset[Any]):
    def __init__(self, task: Task) -> None:
        self.task = task

    def __getitem__(self, index: int) -> Any:
        return self.task.sample(index)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _append(path: Path, row: Mapping[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(row)
        writer.writerow(f"{value:.6g}" for value in row.values())


def _column(path: Path, name: str) -> list[float]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [float(row[name]) for row in csv.DictReader(file)]
