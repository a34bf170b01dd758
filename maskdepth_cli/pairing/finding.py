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
from maskdepth_cli.pairing.lists import parse_list

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".bmp"}
) | {".pbm", ".pgm", ".ppm", ".pnm", ".heic", ".heif", ".avif", ".exr"}
RAW_SUFFIXES = (
    frozenset({".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq"})
    | {".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl"}
    | {".sr2", ".srf", ".srw", ".x3f"}
)
"""Camera raw, which is never read."""
_LITTER = frozenset(
    {
        "@eadir",  # Synology: thumbnails and indices
        "@tmp",
        "#recycle",
        "#snapshot",
        "@recycle",  # QNAP
        "@recently-snapshot",
        "@__thumb",
        "$recycle.bin",  # Windows
        "system volume information",
        "recycler",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "__macosx",  # of archives that macOS packed
        "lost+found",
    }
)
"""Names, in lower case, of what systems and network storage leave among people's files."""


@dataclass(frozen=True, slots=True, init=False)
class InputFile:
    """A photo to work on; kept as text, since a run may have a million.

    Parameters
    ----------
    path
        Where it is.
    relative
        Its place in the output tree and in the trees of masks and depth maps: below the folder
        that was named, or the file's own name.
    """

    location: str
    name: str

    def __init__(self, path: str | Path, relative: str | Path) -> None:
        object.__setattr__(self, "location", str(path))
        name = relative if isinstance(relative, str) else relative.as_posix()
        object.__setattr__(self, "name", name)

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.location)

    @property
    def relative(self) -> Path:
        """Its place in the trees."""
        return Path(self.name)


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
            found.setdefault(os.path.abspath(entry.location), entry)  # noqa: PTH100 (keeps links)
    return list(found.values())


def is_file(path: Path) -> bool:
    """Tell whether a file is there; a name that no file can have is none."""
    with contextlib.suppress(OSError, ValueError):
        return path.is_file()
    return False


def is_there(path: Path) -> bool:
    """Tell whether a file or folder is there."""
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
        for line in parse_list((stdin or sys.stdin.buffer).read()):
            path = Path(line)
            if is_folder(path):
                yield from _below(path, suffixes, skip)
            elif not any(map(is_litter, path.parts)):
                yield InputFile(path, _listed_place(path))
        return
    path = Path(argument)
    if is_folder(path):
        yield from _below(path, suffixes, skip)
    elif is_there(path):
        yield InputFile(path, path.name)
    else:
        raise UsageError(f"{shown(path)}: no such file or folder")


def is_litter(name: str) -> bool:
    """Tell whether a system or a network storage left a file or folder of this name.

    Thumbnails, indices, recycle bins and ``._photo.jpg``, which holds what macOS knows of
    ``photo.jpg`` besides its content.
    """
    return name.startswith("._") or name.lower() in _LITTER


def _listed_place(path: Path) -> Path:
    below = path
    if path.is_absolute():
        below = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else Path(path.name)
    return Path(path.name) if ".." in below.parts else below


def _below(
    root: Path, suffixes: Collection[str], skip: frozenset[tuple[int, int]]
) -> Iterator[InputFile]:
    for place in listing(root, suffixes, skip):
        yield InputFile(joined(root, place), place)


def joined(root: str | Path, place: str) -> str:
    """Return the path of a place below a folder, as `Path` writes it."""
    start = str(root)
    if not place or start == ".":
        return place or start
    return f"{start}{place}" if start.endswith(os.sep) else f"{start}{os.sep}{place}"


def listing(
    root: Path, suffixes: Collection[str], skip: frozenset[tuple[int, int]] = frozenset()
) -> list[str]:
    """List the places below `root` of files with one of the suffixes, sorted part by part.

    Hidden files and folders and `is_litter` are left out. Linked folders are entered after the
    real ones and no folder is entered twice, so that loops end and a folder that is reachable by
    its real path is listed there. A folder that cannot be searched is listed itself: whoever reads
    it reports it, and the others go on.

    Parameters
    ----------
    root : Path
        A folder.
    suffixes : collection of str
        Extensions, in lower case.
    skip : frozenset of tuple
        Device and inode of folders that are not entered.

    Returns
    -------
    list of str
        Paths below `root`, with `/`.

    Raises
    ------
    UsageError
        If `root` itself cannot be searched.
    """
    files: list[str] = []
    entered = set(skip) - {_identity(root)}
    pending: list[str] = [""]
    linked: list[str] = []
    while pending or linked:
        place = pending.pop() if pending else linked.pop(0)
        folder = joined(root, place)
        key = _identity(folder)
        if key is None or key in entered:
            continue
        entered.add(key)
        entries = _entries(folder)
        if entries is None and not place:
            raise UsageError(f"{shown(root)}: this folder cannot be searched")
        if entries is None:
            files.append(place)
            continue
        for entry in entries:
            name = entry.name
            if name.startswith(".") or is_litter(name):
                continue
            below = f"{place}/{name}" if place else name
            if _is_folder(entry):
                (linked if entry.is_symlink() else pending).append(below)
            elif suffix(name).lower() in suffixes:
                files.append(below)
    return sorted(files, key=lambda one: one.split("/"))


def suffix(place: str) -> str:
    """Return the extension of a path with `/`, as `Path.suffix` does."""
    dot, start = place.rfind("."), place.rfind("/") + 1
    return place[dot:] if place[start : max(dot, 0)].strip(".") and dot < len(place) - 1 else ""


def without_suffix(place: str) -> str:
    """Return a path with `/` without its extension."""
    end = suffix(place)
    return place[: -len(end)] if end else place


def _entries(folder: str) -> list[os.DirEntry[str]] | None:
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


def _identity(folder: str | Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)  # noqa: PTH116 (called for every folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino
