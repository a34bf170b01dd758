"""Runs whose photos, masks, depth maps or results lie in an object store."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from maskdepth_cli.errors import MaskdepthError, NothingToDoError
from maskdepth_cli.files.remote import Stage, is_remote
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.manifest import Manifest, Record
from maskdepth_cli.run.pipeline import Outcome, Worker
from maskdepth_cli.run.resume import CheckedWorker, Resume
from maskdepth_cli.run.target import MANIFEST, why_no_manifest

Loaded = TypeVar("Loaded")
Result = TypeVar("Result")

_PIXELS_A_BYTE = 4  # of an ordinary JPEG; the header is not here to be asked
_SECONDS_BETWEEN = 30.0
_SHARE_OF_TIME = 20


@contextlib.contextmanager
def staged(places: Sequence[str | Path | None]) -> Iterator[Stage | None]:
    """Yield a stage where one of these lies in an object store, else None.

    Errors within the context name URLs, not the files that stand for them.
    """
    if not any(is_remote(place) for place in places if place is not None):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="maskdepth-") as folder:
        stage = Stage(Path(folder).resolve())
        try:
            yield stage
        except MaskdepthError as error:
            raise type(error)(stage.outside(str(error))) from error


def stand_in(stage: Stage, place: str | Path) -> str:
    """Return the stand-in of a place in an object store, made now; any other place as it is."""
    return str(stage.mirror(place)) if is_remote(place) else str(place)


@contextlib.contextmanager
def manifest_of(folder: Path, stage: Stage | None) -> Iterator[Manifest]:
    """Open the manifest of an earlier run, which may lie in an object store.

    Raises
    ------
    NothingToDoError
        There is none, or it names no photo.
    """
    path = folder / MANIFEST
    fetched = stage if stage and stage.holds(path) and path.is_file() else None
    if fetched:
        fetched.fetch(path)
    try:
        with contextlib.closing(Manifest(path)) as manifest:
            if not len(manifest):
                raise NothingToDoError(why_no_manifest(folder))
            yield manifest
    finally:
        if fetched:
            fetched.release(path)


def named(stage: Stage | None, record: Record) -> Record:
    """Return a record with URLs in the place of stand-ins."""
    if stage is None:
        return record
    return replace(record, path=stage.outside(record.path), message=stage.outside(record.message))


class StagedWorker(Generic[Loaded, Result]):
    """A worker whose inputs are fetched before and whose outputs are sent after its work."""

    def __init__(self, worker: CheckedWorker[Loaded, Result], stage: Stage, folder: Path) -> None:
        self._worker = worker
        self._stage = stage
        self._folder = folder

    @property
    def batch_size(self) -> int:
        """The worker's own."""
        return self._worker.batch_size

    @property
    def at_once(self) -> int:
        """The worker's own."""
        return self._worker.at_once

    def load(self, job: Job) -> Loaded:
        """Fetch a job's files and read them."""
        for path in self._remote(job):
            self._stage.fetch(path)
        return self._worker.load(job)

    def compute(self, loaded: Sequence[Loaded]) -> Sequence[Result]:
        """Turn photos into results."""
        return self._worker.compute(loaded)

    def save(self, job: Job, result: Result) -> Mapping[str, Any]:
        """Write a job's outputs and send them, the depth map last."""
        details = self._worker.save(job, result)
        if self._stage.holds(self._folder):
            for _, place in reversed(job.outputs):
                self._stage.put(self._folder / place)
        return details

    def record(self, outcome: Outcome) -> tuple[Record, str]:
        """Return the manifest line of an outcome and the status, and drop what was fetched."""
        for path in self._remote(outcome.job):
            self._stage.release(path)
        record, status = self._worker.record(outcome)
        return named(self._stage, record), status

    def _remote(self, job: Job) -> list[Path]:
        return [path for _, path in job.sources() if self._stage.holds(path)]


def checked(
    worker: Worker[Loaded, Result], resume: Resume, stage: Stage | None
) -> CheckedWorker[Loaded, Result] | StagedWorker[Loaded, Result]:
    """Return a command's worker with all that the batch contract adds to it."""
    own = CheckedWorker(worker, resume)
    return own if stage is None else StagedWorker(own, stage, resume.folder)


def staged_pixels(stage: Stage, pixels: Callable[[Job], int]) -> Callable[[Job], int]:
    """Return a function like `pixels` that goes by the bytes of photos that are not here."""

    def estimate(job: Job) -> int:
        if not stage.holds(job.image):
            return pixels(job)
        try:
            return job.image.stat().st_size * _PIXELS_A_BYTE
        except OSError:
            return 0

    return estimate


class StagedManifests:
    """The manifests of a target folder in an object store: fetched at first, sent now and then.

    Parameters
    ----------
    stage
        The stage.
    folder
        The stand-in of the target folder, or of one manifest.
    """

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage = stage
        self._folder = folder
        for path in self._paths():
            stage.fetch(path)
        self._sent = {path: self._state(path) for path in self._paths()}
        self._next = time.monotonic() + _SECONDS_BETWEEN

    def send_now_and_then(self) -> None:
        """Send them if they were not for a while: what a killed run did is known up to there."""
        start = time.monotonic()
        if start >= self._next:
            self._send()
            end = time.monotonic()
            self._next = end + max(_SECONDS_BETWEEN, _SHARE_OF_TIME * (end - start))

    def close(self) -> None:
        """Send them for the last time."""
        self._send()

    def _send(self) -> None:
        """Send those that have changed, then remove those that were merged into another."""
        here = self._paths()
        for path in here:
            if self._sent.get(path) != self._state(path):
                self._stage.put(path, keep=True)
                self._sent[path] = self._state(path)
        for path in self._sent.keys() - set(here):
            self._stage.remove(path)
            del self._sent[path]

    def _paths(self) -> list[Path]:
        if self._folder.is_file():
            return [self._folder]
        return sorted(self._folder.glob("manifest*.jsonl"))

    def _state(self, path: Path) -> tuple[int, int]:
        facts = path.stat()
        return facts.st_size, facts.st_mtime_ns
