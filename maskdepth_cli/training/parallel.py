"""Several processes on one training, as torchrun starts them (DistributedDataParallel)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

PATIENCE = timedelta(hours=2)  # the others wait while the first process validates


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether it is the one that writes and reports."""
        return self.rank == 0


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that torchrun started, if it did; NCCL on CUDA, else Gloo."""
    started = {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys()
    if not started or os.environ["WORLD_SIZE"] == "1":
        yield Ranks()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def rank_mean(value: Tensor) -> Tensor:
    """Mean of a tensor over all processes, without gradient; itself where there is one process.

    What a sum over a batch is divided by: so the gradients of several processes average to those
    of one process with all of their batches.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    mean = value.detach().clone()
    distributed.all_reduce(mean)
    return mean / distributed.get_world_size()


def wait_for_all() -> None:
    """Return once every process is here: torchrun ends the others as soon as one has failed."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
