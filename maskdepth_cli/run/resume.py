"""Which files an earlier run has finished, and what the new ones are made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from maskdepth_cli.errors import MaskdepthError, OutputError
from maskdepth_cli.files.atomic import reason
from maskdepth_cli.files.names import shown
from maskdepth_cli.run.fingerprints import Stamp, check_unchanged, run_key, stamp_files
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.manifest import DONE, FAILED, SKIPPED, Record
from maskdepth_cli.run.pipeline import Outcome, Worker

Loaded = TypeVar("Loaded")
Result = TypeVar("Result")

_OUTPUTS = "outputs"


class Known(Protocol):
    """What earlier runs left: a manifest, or several."""

    def get(self, name: str) -> Record | None:
        """Return the last record of a photo, None where there is none."""


class Resume:
    """Compare jobs with what earlier runs noted.

    Parameters
    ----------
    folder
        The target folder.
    known
        The records of its photos.
    settings
        `fingerprints.settings_hash` of this run.
    overwrite
        Nothing counts as finished.
    """

    def __init__(
        self, folder: Path, known: Known, settings: str, *, overwrite: bool = False
    ) -> None:
        self.folder = folder
        self.settings = settings
        self._known = known
        self._overwrite = overwrite

    def finished(self, job: Job) -> Record | None:
        """Return the record of a finished job, judged without reading its inputs' content.

        An input whose size or time changed since makes it None, even if its content is the same.
        """
        record = self.candidate(job)
        if record is None:
            return None
        stamps = stamp_files(job.sources(), record.inputs, hash_content=False)
        return record if stamps and run_key(self.settings, stamps) == record.key else None

    def candidate(self, job: Job) -> Record | None:
        """Return the record of a job whose outputs are complete and made with these settings."""
        record = None if self._overwrite else self._known.get(job.name)
        if record is None or record.settings != self.settings:
            return None
        return record if record.is_complete(self.folder, dict(job.outputs)) else None


class CheckedWorker(Generic[Loaded, Result]):
    """A worker that leaves finished jobs alone and knows what each result was made from.

    It is what the pipeline runs; the command's own worker does the three steps.
    """

    def __init__(self, worker: Worker[Loaded, Result], resume: Resume) -> None:
        self._worker = worker
        self._resume = resume
        self._stamps: dict[str, tuple[Stamp, ...]] = {}

    @property
    def batch_size(self) -> int:
        """The worker's own."""
        return self._worker.batch_size

    @property
    def at_once(self) -> int:
        """The worker's own."""
        return self._worker.at_once

    def load(self, job: Job) -> Loaded:
        """Read a job's files, unless their content is that of a finished result."""
        before = self._resume.candidate(job)
        stamps = stamp_files(job.sources(), before.inputs if before else ())
        assert stamps is not None
        self._stamps[job.name] = stamps
        if before and run_key(self._resume.settings, stamps) == before.key:
            raise _AlreadyDone(before)
        loaded = self._worker.load(job)
        check_unchanged(job.sources(), stamps)
        return loaded

    def compute(self, loaded: Sequence[Loaded]) -> Sequence[Result]:
        """Turn photos into results."""
        return self._worker.compute(loaded)

    def save(self, job: Job, result: Result) -> Mapping[str, Any]:
        """Write a job's outputs and note their sizes."""
        details = dict(self._worker.save(job, result))
        try:
            details[_OUTPUTS] = {
                role: {"path": path, "size": (self._resume.folder / path).stat().st_size}
                for role, path in job.outputs
            }
        except OSError as error:
            raise OutputError(
                f"{shown(self._resume.folder)}: what was written is gone: {reason(error)}"
            ) from error
        return details

    def record(self, outcome: Outcome) -> tuple[Record, str]:
        """Return the manifest line of an outcome and the status that the user is told."""
        job, error = outcome.job, outcome.error
        stamps = self._stamps.pop(job.name, ())
        if isinstance(error, _AlreadyDone):
            return dataclasses.replace(error.record, path=str(job.image), inputs=stamps), SKIPPED
        blank = Record(job.name, str(job.image), FAILED, seconds=round(outcome.seconds, 4))
        if error is not None:
            return dataclasses.replace(blank, message=describe(error)), FAILED
        details = dict(outcome.details or {})
        record = dataclasses.replace(
            blank,
            status=DONE,
            message=str(details.pop("message", "")),
            key=run_key(self._resume.settings, stamps),
            settings=self._resume.settings,
            inputs=stamps,
            outputs=details.pop(_OUTPUTS, {}),
            details=details,
        )
        return record, DONE


class _AlreadyDone(Exception):
    """The inputs were touched but their content is that of a finished result."""

    def __init__(self, record: Record) -> None:
        super().__init__(record.name)
        self.record = record


def describe(error: Exception) -> str:
    """Return one line for an error: its own words, with its type where it is not one of ours."""
    text = " ".join(str(error).split())
    if isinstance(error, MaskdepthError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
