"""Whole files or none: write beside the target under a hidden name, then rename."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from maskdepth_cli.errors import OutputError
from maskdepth_cli.files.names import shown

_PREFIX = ".maskdepth-"
_PROBE = f"{_PREFIX}probe-"
_MARK = ".tmp"
_in_use: set[str] = set()
_owner = ""


def own_temporaries(owner: str) -> None:
    """Mark the names of the temporary files that this process makes from now on.

    Parameters
    ----------
    owner : str
        Of several runs that write to one folder, which this is; empty: there are no others.
    """
    global _owner
    _owner = owner


def _temporary(folder: Path, suffix: str) -> Path:
    """Return the path of a temporary file that does not exist yet."""
    owner = f"{_owner}-" if _owner else ""
    return folder / f"{_PREFIX}{owner}{uuid.uuid4().hex}{_MARK}{suffix}"


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it replaces `path` in one step.

    The temporary file lies in the same folder (made if missing), is hidden, and keeps the
    extension, so that libraries choose the right encoder. After a failure of any kind `path` is
    as it was and the temporary file is gone; after a kill, `remove_stale` finds it. Data is not
    flushed to the disk by force: the promise covers crashes of the program, not of the machine.

    Parameters
    ----------
    path : str or Path
        The target.

    Yields
    ------
    Path
        Where to write; the file does not exist yet.

    Raises
    ------
    OutputError
        If the operating system refuses (disk full, no permission, the target is a folder).
    """
    target = Path(path)
    # The target's own name is not part of it: that could exceed the longest name allowed.
    temporary = _temporary(target.parent, target.suffix)
    _in_use.add(temporary.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"{shown(target)}: cannot be written: {reason(error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        _in_use.discard(temporary.name)


def remove_probes(folder: str | Path) -> None:
    """Delete the files with which killed runs tried whether `folder` can be written."""
    for probe in Path(folder).glob(f"{_PROBE}*{_MARK}"):
        with suppress(OSError):
            probe.unlink()


def is_temporary(path: str | Path) -> bool:
    """Tell whether a file carries the name of one of our temporary files."""
    name = Path(path).name
    return name.startswith(_PREFIX) and _MARK in name


def remove_stale(folder: str | Path, owner: str | None = None) -> int:
    """Delete the temporary files that killed runs left below `folder`.

    Files that this process is writing are kept. Another process's files cannot be told from
    stale ones: call it while holding whatever keeps other runs off the folder.

    Parameters
    ----------
    folder : str or Path
        Where to look, to the bottom.
    owner : str, optional
        Only files that carry this mark (see `own_temporaries`); None: all.

    Returns
    -------
    int
        The number of files removed.
    """
    removed = 0
    start = _PREFIX if owner is None else f"{_PREFIX}{owner}-"
    for parent, _, names in os.walk(folder):
        for name in names:
            if is_temporary(name) and name.startswith(start) and name not in _in_use:
                with suppress(OSError):
                    Path(parent, name).unlink()
                    removed += 1
    return removed


def check_writable(folder: str | Path) -> None:
    """Make `folder` if it is missing and prove, with a small file, that it can be written.

    Raises
    ------
    OutputError
        If it cannot be made or written, or is not a folder.
    """
    target = Path(folder)
    probe = target / f"{_PROBE}{uuid.uuid4().hex}{_MARK}"
    try:
        target.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"probe")
    except OSError as error:
        raise OutputError(
            f"{shown(target)}: the output folder cannot be written: {reason(error)}"
        ) from error
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def ignores_case(folder: str | Path) -> bool:
    """Tell whether names in an existing, writable `folder` differ only by case are one file."""
    probe = Path(folder) / f"{_PROBE}{uuid.uuid4().hex}{_MARK}"
    try:
        probe.touch()
        return probe.with_name(probe.name.upper()).exists()
    except OSError as error:
        raise OutputError(f"{shown(folder)}: cannot be written: {reason(error)}") from error
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Return the operating system's words for `error`, without paths, on one line."""
    lines = str(error).splitlines()
    return error.strerror or shown(lines[0] if lines else type(error).__name__)
