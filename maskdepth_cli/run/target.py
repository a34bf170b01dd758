"""The target folder: writable before work starts, one run or shard at a time, clean after kills."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from maskdepth_cli.errors import OutputError
from maskdepth_cli.files.atomic import check_writable, own_temporaries, remove_probes, remove_stale
from maskdepth_cli.files.names import shown
from maskdepth_cli.run.shards import Shard

if TYPE_CHECKING:
    from filelock import BaseFileLock

MANIFEST = "manifest.jsonl"
LOCK = ".maskdepth.lock"
_SHARD = re.compile(r"(?:manifest|\.maskdepth)\.([1-9]\d*)-of-([1-9]\d*)\.(?:jsonl|lock)")
_LONGEST = 1000  # bytes of a lock file that say who holds it
_PATIENCE = 2.0
"""Seconds: another run may be looking whether a lock is held, by taking it."""


def manifest_name(shard: Shard | None) -> str:
    """Return the name of the manifest that a run writes."""
    return f"manifest.{shard.label}.jsonl" if shard else MANIFEST


def shard_manifests(folder: Path) -> dict[Shard, Path]:
    """Return the manifests of shards in a folder, in the order of their numbers."""
    return _of_shards(folder, ".jsonl")


def why_no_manifest(folder: Path) -> str:
    """Return what to do about a folder without a manifest that one is needed of."""
    if shard_manifests(folder):
        return f"{shown(folder)}: put its shards together first: maskdepth merge-manifests"
    return f"{shown(folder)}: no {MANIFEST} with photos in it; name the folder of a run"


def _of_shards(folder: Path, suffix: str) -> dict[Shard, Path]:
    """Return the files of shards directly in a folder."""
    found = {}
    for path in folder.glob(f"*-of-*{suffix}"):
        if numbers := _SHARD.fullmatch(path.name):
            found[Shard(int(numbers[1]), int(numbers[2]))] = path
    return dict(sorted(found.items(), key=lambda item: (item[0].count, item[0].index)))


class TargetLock:
    """Hold a target folder for one run; the operating system lets go when the run dies.

    A run over all photos has the folder for itself. Shards of one number of runs share it, each
    with a lock and with temporary files of its own.

    Parameters
    ----------
    folder
        The target folder; it is created where missing.
    shard
        Which of several runs this is.

    Attributes
    ----------
    stale
        Whether the run before this one was killed; what it left half written is removed.

    Raises
    ------
    OutputError
        On entering: the folder cannot be made or written, or another run holds it.
    """

    def __init__(self, folder: Path, shard: Shard | None = None) -> None:
        self.folder = folder
        self.shard = shard
        self.path = folder / (f".maskdepth.{shard.label}.lock" if shard else LOCK)
        self.stale = False

    def __enter__(self) -> TargetLock:
        check_writable(self.folder)
        self.stale = self.path.exists()
        self._lock = self._acquire(self.path, 0)
        try:
            self._exclude_rivals()
        except BaseException:
            self._release(keep=self.stale)  # it says that something may be left to remove
            raise
        with contextlib.suppress(OSError):  # Windows: the locked file cannot be written to
            self.path.write_text(json.dumps({"pid": os.getpid(), "host": platform.node()}))
        own_temporaries(self.shard.label if self.shard else "")
        remove_probes(self.folder)
        if self.stale:
            remove_stale(self.folder, self.shard.label if self.shard else None)
        return self

    def __exit__(self, *error: object) -> None:
        own_temporaries("")
        self._release()

    def _exclude_rivals(self) -> None:
        """Make sure that nobody holds a lock that excludes this one.

        Whoever has its own lock looks at the others', so of two rivals at least one sees the other.
        """
        shards = _of_shards(self.folder, ".lock")
        rivals = [
            path
            for shard, path in shards.items()
            if not self.shard or shard.count != self.shard.count
        ]
        if self.shard:
            rivals.append(self.folder / LOCK)
        for path in rivals:
            if not path.exists():
                continue
            lock = self._acquire(path, _PATIENCE)
            with contextlib.suppress(OSError):
                if self.shard is None:  # nobody else is here: what is left is that of killed shards
                    self.stale = True
                    path.unlink()
                elif not path.stat().st_size:  # its run ended just now, and this made the file
                    path.unlink()
            lock.release()

    def _acquire(self, path: Path, patience: float) -> BaseFileLock:
        """Take one lock file, or say who holds it."""
        from filelock import FileLock, Timeout

        lock = FileLock(path)
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise OutputError(
                f"{shown(self.folder)}: another run is writing here{_owner(path)}; "
                "wait for it to end, or choose another folder with --output"
            ) from None
        except (OSError, NotImplementedError) as error:
            raise OutputError(f"{shown(self.folder)}: cannot lock this folder: {error}") from error
        return lock

    def _release(self, *, keep: bool = False) -> None:
        # While the lock is held: whoever waits on the removed file notices and opens a new one.
        if not keep:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._lock.release()


def _owner(path: Path) -> str:
    """Return ` (process P on HOST)` of the run that holds a lock, where it can be read."""
    try:
        with path.open("rb") as file:
            owner = json.loads(file.read(_LONGEST))
        return f" (process {owner['pid']} on {owner['host']})"
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return ""
