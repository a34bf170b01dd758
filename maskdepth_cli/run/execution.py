"""Where jobs are carried out: what every place does with one, and this process as a place."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from maskdepth_cli.errors import OutputError
from maskdepth_cli.files.remote import Stage
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.manifest import Record
from maskdepth_cli.run.pipeline import Outcome, Worker, run_pipeline
from maskdepth_cli.run.resume import CheckedWorker, Resume
from maskdepth_cli.run.staging import StagedWorker, checked

Loaded = TypeVar("Loaded")
Result = TypeVar("Result")

_OF_ONE_FILE = frozenset(
    {
        errno.EEXIST,
        errno.EILSEQ,
        errno.EINVAL,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
    }
)
"""Why one name cannot be written where others can."""


@dataclass(frozen=True)
class Ended:
    """What became of one job.

    Parameters
    ----------
    record
        Its manifest line.
    status
        What the user is told.
    fatal
        Why no other file could be written either (the disk is full, or gone); empty otherwise.
    """

    record: Record
    status: str
    fatal: str = ""

    @classmethod
    def of(
        cls, outcome: Outcome, worker: CheckedWorker[Any, Any] | StagedWorker[Any, Any]
    ) -> Ended:
        """Judge what a pipeline made of a job."""
        record, status = worker.record(outcome)
        return cls(record, status, str(outcome.error) if _ends_run(outcome.error) else "")


@dataclass(frozen=True)
class Tools:
    """What a run lends to the place where its jobs are carried out.

    Parameters
    ----------
    pixels
        Size of a job's photo from its header, 0 where unknown.
    stopped
        Once it says yes, nothing new starts.
    note
        Tells the user something that fails nothing.
    stage
        Stands for the object stores that inputs or target lie in, if any do.
    """

    pixels: Callable[[Job], int]
    stopped: Callable[[], bool]
    note: Callable[[str], None]
    stage: Stage | None = None


def run_here(
    jobs: Sequence[Job],
    make_worker: Callable[[], Worker[Loaded, Result]],
    resume: Resume,
    tools: Tools,
    *,
    threads: int,
) -> Generator[Ended, None, None]:
    """Carry out jobs in this process, in their order.

    Parameters
    ----------
    jobs
        What to do.
    make_worker
        Called once.
    resume
        What earlier runs left.
    tools
        What the run lends.
    threads
        Readers, and as many writers.
    """
    worker = checked(make_worker(), resume, tools.stage)
    outcomes = run_pipeline(
        jobs, worker, threads=threads, pixels=tools.pixels, stopped=tools.stopped
    )
    with contextlib.closing(outcomes):
        for outcome in outcomes:
            yield Ended.of(outcome, worker)


def _ends_run(error: Exception | None) -> bool:
    """Return whether no other file could be written either."""
    if not isinstance(error, OutputError):
        return False
    return isinstance(error.__cause__, OSError) and error.__cause__.errno not in _OF_ONE_FILE
