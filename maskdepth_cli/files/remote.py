"""Object stores: a local folder stands for them; content comes and goes when it is needed."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import zlib
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from maskdepth_cli.errors import InputFileError, OutputError, UsageError, one_line
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.names import shown

_URL = re.compile(r"(s3|gs):/{1,2}([^/]+)(?:/+(.*))?", re.DOTALL)  # as a Path, // becomes /
_PROBE = ".maskdepth-probe"
_TIMES = ("LastModified", "mtime", "updated")  # as s3fs and gcsfs call it


def is_remote(place: str | PurePath) -> bool:
    """Tell whether a path of the command line names an object store."""
    return bool(_URL.fullmatch(_text(place)))


def _text(place: str | PurePath) -> str:
    return place if isinstance(place, str) else place.as_posix()


class Stage:
    """Stand-ins for objects: `ROOT/s3/BUCKET/KEY` is a file of their size and time, without bytes.

    So everything that looks at names, sizes and times works as on a disk. `fetch` brings the
    content, `release` drops it, `put` sends a file as one whole object. It can be pickled: another
    process fetches for itself.

    Parameters
    ----------
    root
        An empty folder.

    Attributes
    ----------
    notes
        Objects that no file can stand for.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.notes: list[str] = []
        self._stores: dict[str, Any] = {}
        self._users: Counter[Path] = Counter()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Stage], tuple[Path]]:
        return Stage, (self.root,)

    def local(self, place: str | PurePath) -> Path:
        """Return where a URL's stand-in lies."""
        found = _URL.fullmatch(_text(place))
        assert found
        return self.root.joinpath(found[1], found[2], *filter(None, (found[3] or "").split("/")))

    def holds(self, path: Path) -> bool:
        """Return whether a path is a stand-in."""
        return path.is_relative_to(self.root)

    def outside(self, text: str) -> str:
        """Return text with URLs in the place of stand-ins."""
        return re.sub(re.escape(str(self.root)) + r"/(s3|gs)/", r"\1://", text)

    def mirror(self, place: str | PurePath) -> Path:
        """Make the stand-ins of an object, or of all below a folder; return the first one's path.

        Raises
        ------
        UsageError
            The store cannot be reached or listed, or its library is not installed.
        """
        path = self.local(place)
        store, key = self._at(path)
        try:
            found = store.find(key, detail=True)
        except Exception as error:
            raise UsageError(f"{self._url(path)}: cannot be listed: {_words(error)}") from error
        for name, facts in found.items():
            parts = name.split("/")
            if name.endswith("/"):  # what consoles make to show an empty folder
                continue
            stand_in = self.root.joinpath(path.relative_to(self.root).parts[0], *parts)
            try:
                if {"", ".", ".."} & set(parts):
                    raise ValueError("its name has an empty part or dots")
                stand_in.parent.mkdir(parents=True, exist_ok=True)
                _stand_in(stand_in, facts["size"], _time(facts))
            except (OSError, ValueError) as error:
                self.notes.append(f"{shown(name)}: left aside: {_words(error)}")
        return path

    def check_writable(self, folder: Path) -> None:
        """Prove with a small object that a folder can be written.

        Raises
        ------
        OutputError
            It cannot.
        """
        store, key = self._at(folder / _PROBE)
        try:
            store.pipe_file(key, b"probe")
            store.rm_file(key)
        except Exception as error:
            raise OutputError(f"{self._url(folder)}: cannot be written: {_words(error)}") from error

    def fetch(self, path: Path) -> None:
        """Bring the content of an object to its stand-in, for one user more.

        Raises
        ------
        InputFileError
            It is gone, or cannot be read.
        """
        with self._lock:
            self._users[path] += 1
        store, key = self._at(path)
        try:
            facts = store.info(key)
            with atomic_write(path) as temporary:
                store.get_file(key, str(temporary))
                if temporary.stat().st_size != facts["size"]:
                    raise InputFileError(f"{self._url(path)}: changed while it was read; run again")
                os.utime(temporary, ns=(0, _time(facts)))
        except InputFileError:
            raise
        except Exception as error:
            words = "no such object" if isinstance(error, FileNotFoundError) else _words(error)
            raise InputFileError(f"{self._url(path)}: cannot be read: {words}") from error

    def release(self, path: Path) -> None:
        """Drop the content of a stand-in when its last user is done with it."""
        with self._lock:
            self._users[path] -= 1
            if self._users[path] <= 0:
                del self._users[path]
                with contextlib.suppress(OSError):
                    facts = path.stat()
                    _stand_in(path, facts.st_size, facts.st_mtime_ns)

    def put(self, path: Path, *, keep: bool = False) -> None:
        """Send a file as one object, which appears whole or not at all; then drop its content.

        Raises
        ------
        OutputError
            The store refuses it.
        """
        store, key = self._at(path)
        try:
            store.put_file(str(path), key)
        except Exception as error:
            raise OutputError(f"{self._url(path)}: cannot be written: {_words(error)}") from error
        if not keep:
            facts = path.stat()
            _stand_in(path, facts.st_size, facts.st_mtime_ns)

    def remove(self, path: Path) -> None:
        """Remove an object that may be gone already.

        Raises
        ------
        OutputError
            The store refuses.
        """
        store, key = self._at(path)
        try:
            with contextlib.suppress(FileNotFoundError):
                store.rm_file(key)
        except Exception as error:
            raise OutputError(f"{self._url(path)}: cannot be removed: {_words(error)}") from error

    def _at(self, path: Path) -> tuple[Any, str]:
        """Return the store of a stand-in and the object's name in it."""
        protocol, *parts = path.relative_to(self.root).parts
        with self._lock:
            if protocol not in self._stores:
                self._stores[protocol] = _store(protocol)
            return self._stores[protocol], "/".join(parts)

    def _url(self, path: Path) -> str:
        return shown(self.outside(str(path)))


def _store(protocol: str) -> Any:
    try:
        import fsspec

        return fsspec.filesystem(protocol, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        raise UsageError(
            f"{protocol}:// needs a library that is not installed: pip install 'maskdepth[remote]'"
        ) from error


def _stand_in(path: Path, size: int, time_ns: int) -> None:
    """Make a file of a size without content."""
    with path.open("wb") as file:
        file.truncate(size)
    os.utime(path, ns=(0, time_ns))


def _time(facts: Mapping[str, Any]) -> int:
    """Return an object's time in nanoseconds; below the second, what tells its versions apart."""
    stamp = next((facts[name] for name in _TIMES if facts.get(name)), None)
    if isinstance(stamp, str):
        stamp = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    seconds = int(stamp.timestamp()) if stamp else 0
    tag = str(facts.get("ETag") or facts.get("etag") or "")
    return seconds * 10**9 + zlib.crc32(tag.encode()) % 10**9


def _words(error: Exception) -> str:
    return shown(one_line(error))
