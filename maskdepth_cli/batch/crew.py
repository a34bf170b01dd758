"""The actors of a run on a Ray cluster: what each does, and who does what."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskdepth_cli import __version__
from maskdepth_cli.batch.execution import Ended, Tools
from maskdepth_cli.batch.jobs import Job
from maskdepth_cli.batch.manifest import FAILED, Record
from maskdepth_cli.batch.pipeline import PIXELS_IN_FLIGHT, Worker, run_pipeline
from maskdepth_cli.batch.resume import Resume
from maskdepth_cli.batch.staging import checked
from maskdepth_cli.errors import MaskdepthError, UsageError
from maskdepth_cli.files.atomic import own_temporaries
from maskdepth_cli.files.remote import Stage

_TRIES = 3
"""How often a job is begun whose worker dies, and a worker that dies before its first job."""

_PATIENCE = 0.5  # seconds between two looks at whether to stop


class Actor:
    """One worker process of the cluster."""

    def __init__(
        self,
        make_worker: Callable[[], Worker[Any, Any]],
        folder: Path,
        settings: str,
        owner: str,
        stage: Stage | None,
    ) -> None:
        self._make_worker = make_worker
        self._known: dict[str, Record] = {}
        self._resume = Resume(folder, self._known, settings)
        self._owner = owner
        self._stage = stage

    def prepare(self, folder: str, version: str) -> int:
        """Load the network; return how many photos it takes at once."""
        if version != __version__:
            raise UsageError(f"the cluster has maskdepth {__version__}, this machine {version}")
        with contextlib.suppress(OSError):  # absolute paths do without it
            os.chdir(folder)
        own_temporaries(self._owner)
        self._worker = checked(self._make_worker(), self._resume, self._stage)
        return self._worker.batch_size

    def work(self, jobs: Sequence[Job], known: Mapping[str, Record]) -> list[Ended]:
        """Carry out jobs as one batch; calls at once overlap in reading and writing."""
        self._known.update(known)
        outcomes = run_pipeline(jobs, self._worker, threads=len(jobs), pixels=lambda job: 0)
        ended = [Ended.of(outcome, self._worker) for outcome in outcomes]
        for job in jobs:
            self._known.pop(job.name, None)
        return ended


@dataclass
class _Batch:
    """Jobs that are computed together."""

    jobs: list[Job]
    pixels: int
    tries: int = 0  # how often its worker died


@dataclass
class _Mate:
    """An actor as the driver sees it."""

    actor: Any
    starting: Any  # reference to `prepare`, None once it is ready
    flights: dict[Any, _Batch] = field(default_factory=dict)

    def takes(self, batch: _Batch, most: int) -> bool:
        """Return whether a batch may be sent to it now."""
        if self.starting is not None:
            return False
        if not self.flights:
            return True
        aboard = self.flights.values()
        if batch.tries or any(other.tries for other in aboard):
            return False
        weight = batch.pixels + sum(other.pixels for other in aboard)
        return len(aboard) < most and weight <= PIXELS_IN_FLIGHT


class Crew:
    """The actors of a run and the jobs that they have not ended yet."""

    def __init__(
        self,
        ray: Any,
        size: int,
        arguments: Sequence[Any],
        jobs: Sequence[Job],
        tools: Tools,
        threads: int,
    ) -> None:
        self.deaths = 0
        self._ray = ray
        self._jobs = deque(jobs)
        self._again: deque[_Batch] = deque()
        self._tools = tools
        self._most = threads + 1
        self._batch_size = 1
        self._stillborn = 0
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        self._remote = ray.remote(num_cpus=1, num_gpus=gpus, max_concurrency=self._most)(Actor)
        self._arguments = [ray.put(argument) for argument in arguments]
        self._mates = [self._hire() for _ in range(min(size, len(jobs)))]

    def work(self, resume: Resume) -> Generator[Ended, None, None]:
        """Hand out jobs, a few to each actor at a time, and yield what became of them."""
        stopped = self._tools.stopped
        while not stopped() and all(mate.starting is not None for mate in self._mates):
            self._wait([mate.starting for mate in self._mates])
        upcoming: _Batch | None = None
        while True:
            while not stopped() and (upcoming := upcoming or self._next()):
                mate = next((m for m in self._by_load() if m.takes(upcoming, self._most)), None)
                if mate is None:
                    break
                known = {job.name: row for job in upcoming.jobs if (row := resume.candidate(job))}
                mate.flights[mate.actor.work.remote(upcoming.jobs, known)] = upcoming
                upcoming = None
            flying = [ref for mate in self._mates for ref in mate.flights]
            if not flying and (stopped() or upcoming is None):
                return
            starting = [mate.starting for mate in self._mates if mate.starting is not None]
            yield from self._wait(flying + starting)

    def dismiss(self) -> None:
        """End the actors."""
        for mate in self._mates:
            with contextlib.suppress(Exception):
                self._ray.kill(mate.actor)

    def _hire(self) -> _Mate:
        actor = self._remote.remote(*self._arguments)
        return _Mate(actor, actor.prepare.remote(str(Path.cwd()), __version__))

    def _by_load(self) -> list[_Mate]:
        return sorted(self._mates, key=lambda mate: len(mate.flights))

    def _next(self) -> _Batch | None:
        """Take the jobs that come next: those whose worker died, then as many as go together."""
        if self._again:
            return self._again.popleft()
        taken = [self._jobs.popleft() for _ in range(min(self._batch_size, len(self._jobs)))]
        return _Batch(taken, sum(map(self._tools.pixels, taken))) if taken else None

    def _wait(self, references: list[Any]) -> list[Ended]:
        """Wait a moment for one of these, and return the jobs that have ended."""
        landed, _ = self._ray.wait(references, timeout=_PATIENCE)
        return [ended for reference in landed for ended in self._land(reference)]

    def _land(self, reference: Any) -> list[Ended]:
        mate = next(
            (m for m in self._mates if reference == m.starting or reference in m.flights), None
        )
        if mate is None:  # its actor died, and was found dead by another reference
            return []
        try:
            value = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:
            return self._bury(mate)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, MaskdepthError):
                raise error.cause from None
            raise
        if reference == mate.starting:
            mate.starting, self._batch_size, self._stillborn = None, value, 0
            return []
        del mate.flights[reference]
        ended: list[Ended] = value
        return ended

    def _bury(self, mate: _Mate) -> list[Ended]:
        """Put another actor in the place of a dead one; return the jobs that are given up."""
        self.deaths += 1
        self._stillborn += mate.starting is not None
        if self._stillborn >= _TRIES:
            raise MaskdepthError(
                f"{self._stillborn} workers died one after the other while they loaded the "
                "network; is there enough memory? Give fewer with --ray-workers"
            )
        self._tools.note("a worker died; what it was at is begun again by another one")
        self._mates[self._mates.index(mate)] = self._hire()
        with contextlib.suppress(Exception):
            self._ray.kill(mate.actor)
        given_up = []
        for batch in mate.flights.values():
            tries = batch.tries + 1
            for job in batch.jobs:
                if tries < _TRIES:
                    self._again.append(_Batch([job], batch.pixels, tries))
                else:
                    message = (
                        f"its worker died {tries} times, the last time with nothing else to do"
                    )
                    given_up.append(
                        Ended(Record(job.name, str(job.image), FAILED, message), FAILED)
                    )
        return given_up
