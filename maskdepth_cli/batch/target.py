"""The target folder: writable before work starts, one run at a time, clean after a killed run."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from pathlib import Path
from types import TracebackType

from maskdepth_cli.errors import OutputError
from maskdepth_cli.files.atomic import check_writable, remove_stale
from maskdepth_cli.files.names import shown

MANIFEST = "manifest.jsonl"
LOCK = ".maskdepth.lock"


class TargetLock:
    """Hold a target folder for one run; the operating system lets go when the run dies.

    Parameters
    ----------
    folder
        The target folder; it is created where missing.

    Attributes
    ----------
    stale
        Whether the run before this one was killed; what it left half written is removed.

    Raises
    ------
    OutputError
        On entering: the folder cannot be made or written, or another run holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / LOCK
        self.stale = False

    def __enter__(self) -> TargetLock:
        from filelock import FileLock, Timeout

        check_writable(self.folder)
        self.stale = self.path.exists()
        self._lock = FileLock(self.path)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise OutputError(
                f"{shown(self.folder)}: another run is writing here{self._owner()}; "
                "wait for it to end, or choose another folder with --output"
            ) from None
        except (OSError, NotImplementedError) as error:
            raise OutputError(f"{shown(self.folder)}: cannot lock this folder: {error}") from error
        with contextlib.suppress(OSError):  # Windows: the locked file cannot be written to
            self.path.write_text(json.dumps({"pid": os.getpid(), "host": platform.node()}))
        if self.stale:
            remove_stale(self.folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # While the lock is held: whoever waits on the removed file notices and opens a new one.
        with contextlib.suppress(OSError):
            self.path.unlink()
        self._lock.release()

    def _owner(self) -> str:
        """Return ` (process P on HOST)` of the run that holds the lock, where it can be read."""
        try:
            owner = json.loads(self.path.read_text())
            return f" (process {owner['pid']} on {owner['host']})"
        except (OSError, ValueError, TypeError, KeyError):
            return ""
