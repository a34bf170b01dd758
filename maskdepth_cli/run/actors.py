"""The actors of a run on a Ray cluster: what each does, and who does what."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskdepth_cli.errors import MaskdepthError, UsageError
from maskdepth_cli.files.atomic import own_temporaries
from maskdepth_cli.files.remote import Stage
from maskdepth_cli.run.execution import Ended, Tools
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.manifest import FAILED, Record
from maskdepth_cli.run.pipeline import PIXELS_IN_FLIGHT, Worker, run_pipeline
from maskdepth_cli.run.resume import Resume
from maskdepth_cli.run.staging import checked
from maskdepth_cli.version import version

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

    def prepare(self, folder: str, drivers_version: str) -> int:
        """Load the network; return how many photos it takes at once."""
        if drivers_version != version():
            raise UsageError(
                f"the cluster has maskdepth {version()}, this machine {drivers_version}"
            )
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
class _Handle:
    """An actor as the driver sees it."""

    actor: Any
    starting: Any  # reference to `prepare`, None once it is ready
    batches: dict[Any, _Batch] = field(default_factory=dict)

    def takes(self, batch: _Batch, most: int) -> bool:
        """Return whether a batch may be sent to it now."""
        if self.starting is not None:
            return False
        if not self.batches:
            return True
        in_flight = self.batches.values()
        if batch.tries or any(other.tries for other in in_flight):
            return False
        weight = batch.pixels + sum(other.pixels for other in in_flight)
        return len(in_flight) < most and weight <= PIXELS_IN_FLIGHT


class Actors:
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
        self._failed_starts = 0
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        self._remote = ray.remote(num_cpus=1, num_gpus=gpus, max_concurrency=self._most)(Actor)
        self._arguments = [ray.put(argument) for argument in arguments]
        self._handles = [self._start() for _ in range(min(size, len(jobs)))]

    def work(self, resume: Resume) -> Generator[Ended, None, None]:
        """Hand out jobs, a few to each actor at a time, and yield what became of them."""
        stopped = self._tools.stopped
        while not stopped() and all(handle.starting is not None for handle in self._handles):
            self._wait([handle.starting for handle in self._handles])
        upcoming: _Batch | None = None
        while True:
            while not stopped() and (upcoming := upcoming or self._next()):
                handle = next((h for h in self._by_load() if h.takes(upcoming, self._most)), None)
                if handle is None:
                    break
                known = {job.name: row for job in upcoming.jobs if (row := resume.candidate(job))}
                handle.batches[handle.actor.work.remote(upcoming.jobs, known)] = upcoming
                upcoming = None
            working = [ref for handle in self._handles for ref in handle.batches]
            if not working and (stopped() or upcoming is None):
                return
            starting = [handle.starting for handle in self._handles if handle.starting is not None]
            yield from self._wait(working + starting)

    def stop(self) -> None:
        """End the actors."""
        for handle in self._handles:
            with contextlib.suppress(Exception):
                self._ray.kill(handle.actor)

    def _start(self) -> _Handle:
        actor = self._remote.remote(*self._arguments)
        return _Handle(actor, actor.prepare.remote(str(Path.cwd()), version()))

    def _by_load(self) -> list[_Handle]:
        return sorted(self._handles, key=lambda handle: len(handle.batches))

    def _next(self) -> _Batch | None:
        """Take the jobs that come next: those whose worker died, then as many as go together."""
        if self._again:
            return self._again.popleft()
        taken = [self._jobs.popleft() for _ in range(min(self._batch_size, len(self._jobs)))]
        return _Batch(taken, sum(map(self._tools.pixels, taken))) if taken else None

    def _wait(self, references: list[Any]) -> list[Ended]:
        """Wait a moment for one of these, and return the jobs that have ended."""
        ready, _ = self._ray.wait(references, timeout=_PATIENCE)
        return [ended for reference in ready for ended in self._ended(reference)]

    def _ended(self, reference: Any) -> list[Ended]:
        handle = next(
            (h for h in self._handles if reference == h.starting or reference in h.batches), None
        )
        if handle is None:  # its actor died, and was found dead by another reference
            return []
        try:
            value = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:
            return self._replace(handle)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, MaskdepthError):
                raise error.cause from None
            raise
        if reference == handle.starting:
            handle.starting, self._batch_size, self._failed_starts = None, value, 0
            return []
        del handle.batches[reference]
        ended: list[Ended] = value
        return ended

    def _replace(self, handle: _Handle) -> list[Ended]:
        """Put another actor in the place of a dead one; return the jobs that are given up."""
        self.deaths += 1
        self._failed_starts += handle.starting is not None
        if self._failed_starts >= _TRIES:
            raise MaskdepthError(
                f"{self._failed_starts} workers died one after the other while they loaded the "
                "network; is there enough memory? Give fewer with --ray-workers"
            )
        self._tools.note("a worker died; what it was at is begun again by another one")
        self._handles[self._handles.index(handle)] = self._start()
        with contextlib.suppress(Exception):
            self._ray.kill(handle.actor)
        given_up = []
        for batch in handle.batches.values():
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
