"""Where weights files lie, in the package or in a cache that MASKDEPTH_HOME moves; digests."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from maskdepth_cli.digests import file_sha256
from maskdepth_cli.errors import WeightsError
from maskdepth_cli.weights.registry import Entry

HOME = "MASKDEPTH_HOME"
OFFLINE = "MASKDEPTH_OFFLINE"
EMBEDDED = Path(__file__).parent / "embedded"


def cache_folder() -> Path:
    """Folder of downloaded weights: ``$MASKDEPTH_HOME``, or the platform's cache folder."""
    if home := os.environ.get(HOME):
        return Path(home).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "maskdepth"


def is_offline() -> bool:
    """Return whether the user forbids every connection."""
    return os.environ.get(OFFLINE, "").strip().lower() not in ("", "0", "false", "no")


def entry_path(entry: Entry) -> Path:
    """Where the file of an entry lies, or will lie once it is fetched."""
    return (EMBEDDED if entry.embedded else cache_folder()) / entry.file


def is_here(entry: Entry) -> bool:
    """Return whether the file of an entry is in the package or the cache."""
    return bool(entry.file) and entry_path(entry).is_file()


def weights_sha256(path: Path) -> str:
    """Hex SHA-256 of a weights file; it is read once, as long as its size and time stay the same.

    Raises
    ------
    WeightsError
        The file cannot be read.
    """
    try:
        status = path.stat()
        return _digest(path.absolute(), status.st_ino, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from error


@cache
def _digest(path: Path, inode: int, size: int, mtime_ns: int) -> str:
    return file_sha256(path)
