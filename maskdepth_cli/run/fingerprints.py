"""What a result was made from: content hashes of the inputs, remembered by size and time."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from maskdepth_cli.digests import file_sha256
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.atomic import reason
from maskdepth_cli.files.names import shown


@dataclass(frozen=True, slots=True)
class Stamp:
    """One input file as it was read.

    Parameters
    ----------
    role
        `image`, `depth`, `mask`, ...
    size, mtime_ns
        As the file system gives them; while both stay the same the content is not hashed again.
    sha256
        Hex digest of the content.
    """

    role: str
    size: int
    mtime_ns: int
    sha256: str


def stamp_files(
    sources: Iterable[tuple[str, Path]], known: Sequence[Stamp] = (), *, hash_content: bool = True
) -> tuple[Stamp, ...] | None:
    """Return the stamps of a job's inputs.

    Parameters
    ----------
    sources
        Role and path of each input.
    known
        Stamps of an earlier run; one of the same role, size and time lends its digest.
    hash_content
        Read the files whose digest is not known; otherwise give up at the first such file.

    Returns
    -------
    tuple of Stamp or None
        None where a digest is not known and `hash_content` is off, or a file is missing then.

    Raises
    ------
    InputFileError
        A file cannot be read (only where `hash_content` is on).
    """
    remembered = {stamp.role: stamp for stamp in known}
    stamps = []
    for role, path in sources:
        try:
            status = path.stat()
            before = remembered.get(role)
            if before and (before.size, before.mtime_ns) == (status.st_size, status.st_mtime_ns):
                stamps.append(before)
                continue
            if not hash_content:
                return None
            if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
                raise InputFileError(f"{shown(path)}: not a regular file")
            digest = _digest(path, status.st_size, status.st_mtime_ns)
        except OSError as error:
            if not hash_content:
                return None
            raise InputFileError(f"{shown(path)}: cannot be read: {reason(error)}") from error
        stamps.append(Stamp(role, status.st_size, status.st_mtime_ns, digest))
    return tuple(stamps)


@lru_cache(maxsize=16)  # a video is the file of many jobs
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    return file_sha256(path)


def check_unchanged(sources: Iterable[tuple[str, Path]], stamps: Sequence[Stamp]) -> None:
    """Raise InputFileError where a file is not the one that was hashed any more."""
    if stamp_files(sources, stamps, hash_content=False) is None:
        raise InputFileError("an input changed while it was read; run again")


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Return a hash of settings that JSON can express, whatever their order."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def run_key(settings: str, stamps: Iterable[Stamp]) -> str:
    """Return the key of a result: the hash of its settings and of the content of its inputs.

    Roles are part of it (a mask that becomes the depth is another job); paths and times are not,
    so a moved data set is not redone.
    """
    parts = [settings, *(f"{stamp.role}:{stamp.sha256}" for stamp in stamps)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
