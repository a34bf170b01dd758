"""The manifest: one JSON line a file, appended as files finish; the last line of a file wins."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePath
from typing import IO, Any

from maskdepth_cli.errors import OutputError
from maskdepth_cli.files.atomic import atomic_write, reason
from maskdepth_cli.files.names import shown
from maskdepth_cli.run.fingerprints import Stamp

DONE, SKIPPED, FAILED, PLANNED = "done", "skipped", "failed", "planned"

_TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "path": str,
    "status": str,
    "message": str,
    "seconds": (int, float),
    "key": (str, type(None)),
    "settings": (str, type(None)),
    "details": dict,
}


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one photo; one line of the manifest and of `--json`.

    Parameters
    ----------
    name
        Path of the photo relative to its input folder, with `/`.
    path
        The photo as the run found it.
    status
        `done`, `skipped` (done by an earlier run), `failed`, or `planned` (dry run).
    message
        The reason of a failure, or a warning; empty otherwise.
    seconds
        Time spent in reading, computing and writing this file.
    key
        Hash of settings and inputs (`fingerprints.run_key`); None where nothing was written.
    settings
        Hash of the settings alone.
    inputs
        The files it was made from.
    outputs
        Role to `{"path": relative to the manifest, "size": bytes}`.
    details
        What the worker reports: scale of the written map, changes, ...
    """

    name: str
    path: str
    status: str
    message: str = ""
    seconds: float = 0.0
    key: str | None = None
    settings: str | None = None
    inputs: tuple[Stamp, ...] = ()
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON data."""
        return asdict(self)

    def to_line(self) -> bytes:
        """Return the record as one ASCII JSON line; odd bytes of a name as surrogate escapes."""
        return json_line(self.as_dict())

    @classmethod
    def from_line(cls, line: bytes) -> Record | None:
        """Read a line back; None where it is damaged or not a record."""
        try:
            row = json.loads(line)
            row["inputs"] = tuple(
                Stamp(str(x["role"]), int(x["size"]), int(x["mtime_ns"]), str(x["sha256"]))
                for x in row["inputs"]
            )
            row["outputs"] = {str(k): dict(v) for k, v in row["outputs"].items()}
            record = cls(**{f.name: row[f.name] for f in fields(cls)})
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ):
            return None
        fits = all(isinstance(getattr(record, name), kind) for name, kind in _TYPES.items())
        return record if fits else None

    def table(self, name: str) -> Mapping[str, Any]:
        """Return a table of the details; empty where there is none of that name."""
        found = self.details.get(name)
        return found if isinstance(found, dict) else {}

    def place(self, role: str) -> str | None:
        """Return the path of one output from the manifest's folder.

        None where there is none, or where it leads out of that folder: whoever reads a manifest
        need not have written it.
        """
        path = self.outputs.get(role, {}).get("path")
        if not isinstance(path, str):
            return None
        parts = PurePath(path).parts
        return None if ".." in parts or PurePath(path).is_absolute() or not parts else path

    def is_complete(self, folder: Path, wanted: Mapping[str, str]) -> bool:
        """Return whether every wanted output lies in `folder` as it was written.

        Parameters
        ----------
        folder
            The target folder.
        wanted
            Role to relative path of the outputs a job is to make.
        """
        for role, path in wanted.items():
            written = self.outputs.get(role, {})
            if written.get("path") != path:
                return False
            try:
                if (folder / path).stat().st_size != written.get("size"):
                    return False
            except (OSError, ValueError):
                return False
        return self.status == DONE


def json_line(row: Mapping[str, Any]) -> bytes:
    """Return plain data as one strict ASCII JSON line; numbers that are not finite become null."""
    return json.dumps(_finite(row), allow_nan=False).encode("ascii") + b"\n"


def _finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON cannot express, by None."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


class Manifest:
    """The manifest file of a target folder.

    Only the place of each record is kept in memory, so that a million files cost little.

    Parameters
    ----------
    path
        The file; it need not exist.
    writable
        Repair a line that a killed run left half written, and allow `append`.

    Raises
    ------
    OutputError
        The file cannot be read or written.
    """

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        self.path = path
        self._places: dict[str, int] = {}
        self._lines = 0
        self._reader: IO[bytes] | None = None
        self._writer: IO[bytes] | None = None
        try:
            if writable:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = path.open("ab", buffering=0)
            if path.exists():
                self._reader = path.open("rb")
                end = self._index()
                if self._writer:
                    self._writer.truncate(end)
        except OSError as error:
            self.close()
            raise OutputError(f"{shown(path)}: cannot be opened: {reason(error)}") from error

    def _index(self) -> int:
        """Note where the last record of each file begins; return the end of the last whole line."""
        assert self._reader is not None
        place = 0
        for line in self._reader:
            if not line.endswith(b"\n"):
                break
            self._lines += 1
            record = Record.from_line(line)
            if record:
                self._places[record.name] = place
            place += len(line)
        return place

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Record]:
        """Iterate over the last record of each file."""
        for name in self._places:
            record = self.get(name)
            if record:
                yield record

    def get(self, name: str) -> Record | None:
        """Return the last record of a file, None where there is none."""
        place = self._places.get(name)
        if place is None or self._reader is None:
            return None
        self._reader.seek(place)
        return Record.from_line(self._reader.readline())

    def append(self, record: Record) -> None:
        """Add one record, whole, at the end of the file."""
        assert self._writer is not None
        try:
            line = record.to_line()
            status = os.fstat(self._writer.fileno())
            written = self._writer.write(line)
            if written != len(line):
                self._writer.truncate(status.st_size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise OutputError(f"{shown(self.path)}: cannot be written: {reason(error)}") from error
        if status.st_nlink == 0:
            raise OutputError(f"{shown(self.path)}: it was removed while the run went on")
        self._places[record.name] = status.st_size
        self._lines += 1

    def compact(self) -> None:
        """Rewrite the file with one line a file, where lines were superseded; then close it."""
        if self._lines > len(self._places):
            with atomic_write(self.path) as temporary, temporary.open("wb") as file:
                for record in self:
                    file.write(record.to_line())
                self.close()  # before it is replaced: Windows refuses to replace an open file
        self.close()

    def close(self) -> None:
        """Close the file."""
        for file in (self._reader, self._writer):
            if file:
                file.close()
        self._reader = self._writer = None
