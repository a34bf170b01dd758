"""What the trainer trains, and its batches: the same on any number of processes and workers."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from maskdepth_cli.errors import MaskdepthError
from maskdepth_cli.training.parallel import Ranks
from maskdepth_cli.training.recipe import TrainSettings


class Task(Protocol):
    """What is trained: a network, its samples and its loss."""

    network: nn.Module

    def sample(self, index: int) -> Any:
        """Draw the sample of an index; a pure function of it."""

    def collate(self, samples: list[Any]) -> Any:
        """Stack samples into a batch with methods ``to(device)`` and ``named()``, its tensors."""

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss of a batch on the training device, and its parts for the log."""

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Measure on held-out data; the first figure decides which checkpoint is best (lower)."""

    def save(self, network: nn.Module, path: Path) -> None:
        """Write the network's weights as a file that inference loads."""


def batch_loader(
    task: Task, settings: TrainSettings, iteration: int, ranks: Ranks, workers: int
) -> DataLoader[Any]:
    """Load the batches of one of several processes from an iteration to the end.

    Parameters
    ----------
    task : Task
        Draws the samples.
    settings : TrainSettings
        Batch size of a process, and how many batches make an iteration.
    iteration : int
        Where to begin.
    ranks : Ranks
        Which process; consecutive ones take consecutive samples.
    workers : int
        Loader processes; 0 loads in this process.
    """
    forks = workers > 0 and "fork" in multiprocessing.get_all_start_methods()
    return DataLoader(
        Indexed(task),
        batch_sampler=_Positions(settings, iteration, ranks),
        num_workers=workers,
        collate_fn=task.collate,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="fork" if forks else None,  # sources need not be picklable
    )


@contextmanager
def loader_errors() -> Iterator[None]:
    """Say in one line what happened to a loader process.

    Raises
    ------
    MaskdepthError
        One was killed, or could not read its sample.
    """
    try:
        yield
    except MaskdepthError as error:
        # torch puts the traceback of the other process before its words.
        last = str(error).splitlines()[-1]
        raise type(error)(last.partition(f"{type(error).__name__}: ")[2] or last) from error
    except (ConnectionResetError, EOFError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        if hasattr(signal, "SIGCHLD"):  # torch's handler would raise the same again and again
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        raise MaskdepthError(
            "a loader process was killed, by the system where memory ran out; use fewer --workers "
            "and run the same command again: it goes on from its last checkpoint"
        ) from error


class Indexed(Dataset[Any]):
    """The samples of a task by index."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def __getitem__(self, index: int) -> Any:
        """Draw a sample."""
        return self.task.sample(index)


class _Positions:
    """Indices of every batch of one of several processes, from an iteration to the end."""

    def __init__(self, settings: TrainSettings, iteration: int, ranks: Ranks) -> None:
        self.steps = range(
            iteration * settings.accumulate, settings.iterations * settings.accumulate
        )
        self.size = settings.batch_size
        self.stride, self.offset = self.size * ranks.world, self.size * ranks.rank

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[int]]:
        for step in self.steps:
            first = step * self.stride + self.offset
            yield list(range(first, first + self.size))
