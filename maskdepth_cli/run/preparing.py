"""A worker whose network is loaded in a thread while the first photos are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.pipeline import Worker

Loaded = TypeVar("Loaded")
Result = TypeVar("Result")


class PreparingWorker(Generic[Loaded, Result]):
    """Reads at once, and waits for the worker where that is needed.

    Parameters
    ----------
    read
        What the worker's `load` does.
    make
        Makes the worker: imports torch and loads a network. What it raises comes from the
        first property or method that needs the worker.
    """

    def __init__(
        self, read: Callable[[Job], Loaded], make: Callable[[], Worker[Loaded, Result]]
    ) -> None:
        self.load = read
        maker = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._making = maker.submit(make)
        maker.shutdown(wait=False)

    @property
    def batch_size(self) -> int:
        """The worker's own."""
        return self._making.result().batch_size

    @property
    def at_once(self) -> int:
        """The worker's own."""
        return self._making.result().at_once

    def compute(self, loaded: Sequence[Loaded]) -> Sequence[Result]:
        """Turn photos into results."""
        return self._making.result().compute(loaded)

    def save(self, job: Job, result: Result) -> Mapping[str, Any]:
        """Write a job's outputs."""
        return self._making.result().save(job, result)
