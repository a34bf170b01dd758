"""Reading, computing and writing overlapped: bounded, in order, one bad file hurts no other."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from maskdepth_cli.run.jobs import Job

Loaded = TypeVar("Loaded")
Result = TypeVar("Result")

PIXELS_IN_FLIGHT = 48_000_000
"""Pixels of photos held at once between reading and writing; a larger photo goes alone."""


class Worker(Protocol[Loaded, Result]):
    """What a command does with one photo, in three steps.

    `load` and `save` run in several threads at once, `compute` in as many as `at_once` says, and
    where that is 1 in the caller's thread.
    """

    @property
    def batch_size(self) -> int:
        """The most photos that one `compute` call can take."""

    @property
    def at_once(self) -> int:
        """The most `compute` calls that may run at the same time."""

    def load(self, job: Job) -> Loaded:
        """Read a job's files into arrays."""

    def compute(self, loaded: Sequence[Loaded]) -> Sequence[Result]:
        """Turn photos into results, in the same order."""

    def save(self, job: Job, result: Result) -> Mapping[str, Any]:
        """Write a job's outputs, each one atomically; return what its record tells of them."""


@dataclass
class Outcome:
    """What came of one job: the details that its worker reports, or the error."""

    job: Job
    seconds: float
    details: Mapping[str, Any] | None = None
    error: Exception | None = None


@dataclass
class _Flight(Generic[Loaded, Result]):
    """A job on its way."""

    job: Job
    pixels: int
    loading: Future[tuple[Loaded, float]] | None
    computing: Future[None] | None = None
    saving: Future[tuple[Mapping[str, Any], float]] | None = None
    seconds: float = 0.0
    error: Exception | None = None

    def done(self) -> bool:
        """Return whether nothing is left to wait for."""
        return self.error is not None or (self.saving is not None and self.saving.done())

    def next_step(self) -> Future[Any]:
        """Return what to wait for once the job has left the loading queue."""
        step = self.saving or self.computing
        assert step is not None
        return step


class _Inline(Executor):
    """Does at once, in the caller's thread, what is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call ``fn``; what it raises goes to the caller."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def run_pipeline(
    jobs: Iterable[Job],
    worker: Worker[Loaded, Result],
    *,
    threads: int,
    pixels: Callable[[Job], int],
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[Outcome, None, None]:
    """Send jobs through load, compute and save; yield an outcome for each, in the jobs' order.

    Reader threads load ahead of the computation and writer threads save behind it; both distances
    are bounded, so memory does not depend on the number of jobs. Several photos are computed side
    by side where the worker can.

    Parameters
    ----------
    jobs
        Taken one by one, when there is room.
    worker
        The three steps. An exception in one of them becomes that job's error; where `compute`
        fails on a batch, its photos are computed again one by one.
    threads
        Readers, and as many writers.
    pixels
        Size of a job's photo, from its header; 0 where that is unknown.
    stopped
        Asked between steps. Once it says yes, nothing new starts: what is being written is
        finished and yielded, the rest is dropped.
    """
    pipeline = _Pipeline(iter(jobs), worker, threads, pixels)
    try:
        if not stopped():
            pipeline.begin()
        while not stopped() and pipeline.advance():
            yield from pipeline.finished(everything=False)
        pipeline.drop_unsaved()
        yield from pipeline.finished(everything=True)
    finally:
        pipeline.close()


class _Pipeline(Generic[Loaded, Result]):
    """The state of one run: jobs being loaded, then jobs being saved, both in order."""

    def __init__(
        self,
        jobs: Iterator[Job],
        worker: Worker[Loaded, Result],
        threads: int,
        pixels: Callable[[Job], int],
    ) -> None:
        self._jobs = jobs
        self._next: tuple[Job, int] | None = None
        self._worker = worker
        self._pixels = pixels
        self._ahead = threads
        self._loading: deque[_Flight[Loaded, Result]] = deque()
        self._saving: deque[_Flight[Loaded, Result]] = deque()
        self._computing: set[Future[None]] = set()
        self._readers = ThreadPoolExecutor(threads, thread_name_prefix="read")
        self._computers: Executor = _Inline()
        self._writers = ThreadPoolExecutor(threads, thread_name_prefix="write")

    def begin(self) -> None:
        """Read the first photos; the worker may load its network before it tells its sizes."""
        self._admit()
        at_once = self._worker.at_once
        self._ahead += self._worker.batch_size * at_once
        if at_once > 1:
            self._computers = ThreadPoolExecutor(at_once, thread_name_prefix="compute")

    def advance(self) -> bool:
        """Start to compute a batch, or wait for one; return False when there is none."""
        self._admit()
        if self._loading and len(self._computing) < self._worker.at_once:
            batch = list(self._take(self._worker.batch_size))
            self._saving.extend(batch)
            computing = self._computers.submit(self._compute_and_save, batch)
            for flight in batch:
                flight.computing = computing
            self._computing.add(computing)
        elif self._computing:
            wait(self._computing, return_when=FIRST_COMPLETED)
        self._forget_ended()
        return bool(self._loading or self._computing or self._next)

    def _forget_ended(self) -> None:
        """Make room for further batches; what no job is to blame for goes to the caller."""
        ended = {computing for computing in self._computing if computing.done()}
        self._computing -= ended
        for computing in ended:
            computing.result()

    def _compute_and_save(self, flights: list[_Flight[Loaded, Result]]) -> None:
        """Turn photos into results and hand these to the writers; errors stay with their jobs."""
        batch: list[_Flight[Loaded, Result]] = []
        arrays: list[Loaded] = []
        for flight in flights:
            assert flight.loading is not None
            loading, flight.loading = flight.loading, None  # its arrays must not outlive this batch
            try:
                loaded, flight.seconds = loading.result()
            except Exception as error:
                flight.error = error
                continue
            batch.append(flight)
            arrays.append(loaded)
        for flight, (result, seconds) in zip(batch, self._compute(arrays), strict=True):
            flight.seconds += seconds
            if isinstance(result, Exception):
                flight.error = result
            else:
                flight.saving = self._writers.submit(_timed, self._worker.save, flight.job, result)

    def finished(self, *, everything: bool) -> Iterator[Outcome]:
        """Yield outcomes in order: those that are there, or all; too long a queue is waited for."""
        while self._saving and (
            everything or self._saving[0].done() or len(self._saving) > self._ahead
        ):
            flight = self._saving.popleft()
            details = None
            if flight.computing:
                flight.computing.result()
            if flight.saving:
                try:
                    details, seconds = flight.saving.result()
                    flight.seconds += seconds
                except Exception as error:
                    flight.error = error
            yield Outcome(flight.job, flight.seconds, details, flight.error)

    def drop_unsaved(self) -> None:
        """Forget the jobs that are not computed yet."""
        for flight in self._loading:
            if flight.loading:
                flight.loading.cancel()
        self._loading.clear()

    def close(self) -> None:
        """Wait for the threads; nothing half written stays behind."""
        self.drop_unsaved()
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._computers.shutdown(wait=True)
        self._writers.shutdown(wait=True, cancel_futures=True)

    def _admit(self) -> None:
        """Start to load as many jobs as there is room for; at least one, if one is left."""
        while len(self._loading) < self._ahead:
            if self._next is None:
                job = next(self._jobs, None)
                if job is None:
                    return
                self._next = job, self._pixels(job)
            job, pixels = self._next
            while (weight := self._weight()) and weight + pixels > PIXELS_IN_FLIGHT:
                if self._loading:
                    return
                pending = [flight.next_step() for flight in self._saving if not flight.done()]
                wait(pending, return_when=FIRST_COMPLETED)
                self._forget_ended()
            loading = self._readers.submit(_timed, self._worker.load, job)
            self._loading.append(_Flight(job, pixels, loading))
            self._next = None

    def _take(self, count: int) -> Iterator[_Flight[Loaded, Result]]:
        """Remove up to `count` jobs from the front of the loading queue."""
        for _ in range(min(count, len(self._loading))):
            yield self._loading.popleft()

    def _weight(self) -> int:
        return sum(f.pixels for f in itertools.chain(self._loading, self._saving) if not f.done())

    def _compute(self, arrays: list[Loaded]) -> list[tuple[Result | Exception, float]]:
        """Compute a batch; one by one where it fails as a whole."""
        if not arrays:
            return []
        start = time.perf_counter()
        try:
            results = self._worker.compute(arrays)
        except Exception as error:
            if len(arrays) == 1:
                return [(error, time.perf_counter() - start)]
            return [outcome for one in arrays for outcome in self._compute([one])]
        seconds = (time.perf_counter() - start) / len(arrays)
        return [(result, seconds) for result in results]


def _timed(step: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Call a step; return its value and its seconds."""
    start = time.perf_counter()
    value = step(*arguments)
    return value, time.perf_counter() - start
