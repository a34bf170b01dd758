"""Which files to work on: named ones, whole folders, lists."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.names import shown

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".bmp"}
) | {".pbm", ".pgm", ".ppm", ".pnm", ".heic", ".heif", ".avif", ".exr"}


@dataclass(frozen=True)
class InputFile:
    """A photo to work on.

    Attributes
    ----------
    path : Path
        Where it is.
    relative : Path
        Its place in the output tree and in the trees of masks and depth maps: below the folder
        that was named, or the file's own name.
    """

    path: Path
    relative: Path


def find_inputs(
    arguments: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    suffixes: Collection[str] = IMAGE_SUFFIXES,
    exclude: Iterable[Path] = (),
) -> list[InputFile]:
    """Collect the photos that the arguments name.

    A file keeps its name; a folder is searched with everything below it, hidden files and folders
    left out, and the tree is kept; ``-`` reads a list from `stdin`, one path a line, or separated
    by NUL characters if it holds any. A listed file keeps its path as written if that leads
    downwards from the current folder. Order: that of the arguments, sorted within folders. A file
    named twice counts once. Links are followed, each folder is entered once.

    Parameters
    ----------
    arguments : sequence of str
        Files, folders and ``-``.
    stdin : binary stream, optional
        Where ``-`` reads from; standard input by default.
    suffixes : collection of str
        Extensions, in lower case, of the files taken from folders.
    exclude : iterable of Path
        Folders not to search, such as the output folder.

    Raises
    ------
    UsageError
        If an argument does not exist. Listed files that do not exist are kept: they fail one by
        one when they are read.
    """
    skip = frozenset(key for folder in exclude if (key := _identity(folder)) is not None)
    found: dict[str, InputFile] = {}
    for argument in arguments:
        for entry in _expand(argument, stdin, suffixes, skip):
            found.setdefault(os.path.abspath(entry.path), entry)  # noqa: PTH100 (keeps links)
    return list(found.values())


def is_file(path: Path) -> bool:
    """Tell whether a file is there; a name that no file can have is none."""
    with contextlib.suppress(OSError, ValueError):
        return path.is_file()
    return False


def _exists(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return path.exists()
    return False


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there; a name that no folder can have is none."""
    with contextlib.suppress(OSError, ValueError):
        return path.is_dir()
    return False


def _expand(
    argument: str,
    stdin: BinaryIO | None,
    suffixes: Collection[str],
    skip: frozenset[tuple[int, int]],
) -> Iterator[InputFile]:
    if argument == "-":
        for line in _read_list(stdin or sys.stdin.buffer):
            path = Path(line)
            if is_folder(path):
                yield from _below(path, suffixes, skip)
            else:
                yield InputFile(path, _listed_place(path))
        return
    path = Path(argument)
    if is_folder(path):
        yield from _below(path, suffixes, skip)
    elif _exists(path):
        yield InputFile(path, Path(path.name))
    else:
        raise UsageError(f"{shown(path)}: no such file or folder")


def _read_list(stream: BinaryIO) -> list[str]:
    data = stream.read()
    lines = (
        data.split(b"\0") if b"\0" in data else [x.removesuffix(b"\r") for x in data.split(b"\n")]
    )
    return [os.fsdecode(line) for line in lines if line]


def _listed_place(path: Path) -> Path:
    below = path
    if path.is_absolute():
        below = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else Path(path.name)
    return Path(path.name) if ".." in below.parts else below


def _below(
    root: Path, suffixes: Collection[str], skip: frozenset[tuple[int, int]]
) -> Iterator[InputFile]:
    for path in walk(root, suffixes, skip):
        yield InputFile(path, path.relative_to(root))


def walk(
    root: Path, suffixes: Collection[str], skip: frozenset[tuple[int, int]] = frozenset()
) -> list[Path]:
    """List the files below `root` with one of the suffixes, sorted; hidden ones are left out.

    Linked folders are entered after the real ones and no folder is entered twice, so that loops
    end and a folder that is reachable by its real path is listed there. A folder that cannot be
    searched is listed itself: whoever reads it reports it, and the others go on.

    Raises
    ------
    UsageError
        If `root` itself cannot be searched.
    """
    files: list[Path] = []
    entered = set(skip) - {_identity(root)}
    pending: list[Path] = [root]
    linked: list[Path] = []
    while pending or linked:
        folder = pending.pop() if pending else linked.pop(0)
        key = _identity(folder)
        if key is None or key in entered:
            continue
        entered.add(key)
        entries = _entries(folder)
        if entries is None and folder == root:
            raise UsageError(f"{shown(root)}: this folder cannot be searched")
        if entries is None:
            files.append(folder)
            continue
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                (linked if entry.is_symlink() else pending).append(path)
            elif path.suffix.lower() in suffixes:
                files.append(path)
    return sorted(files, key=lambda path: path.relative_to(root).parts)


def _entries(folder: Path) -> list[os.DirEntry[str]] | None:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
