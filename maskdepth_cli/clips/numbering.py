"""Numbered pictures as a clip: a pattern such as ``shot.####.exr``, or a folder of frames."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.names import shown
from maskdepth_cli.pairing.finding import is_folder, is_litter, is_there

_NUMBER = re.compile(r"#+|%(?:0(\d{1,2}))?d")
_SHOWN = 4


@dataclass(frozen=True)
class Numbered:
    """The files of a clip by their numbers.

    Attributes
    ----------
    pattern : Path
        What messages call it, such as ``plates/shot.####.exr``.
    files : mapping of int to str
        In ascending order of the numbers.
    """

    pattern: Path
    files: Mapping[int, str]


def is_pattern(text: str | Path) -> bool:
    """Tell whether a path names numbered files: ``####`` or ``%04d`` in its last part."""
    path = Path(text)
    return len(_NUMBER.findall(path.name)) == 1 and not is_there(path)


def numbered_files(place: str | Path, suffixes: Collection[str]) -> Numbered:
    """Find the files of a clip.

    Parameters
    ----------
    place : str or Path
        A pattern, or a folder that holds one sequence of files.
    suffixes : collection of str
        Extensions, in lower case, of the files that a folder is searched for.

    Raises
    ------
    UsageError
        There is none, a number is there twice, or a folder holds several sequences.
    """
    path = Path(place)
    return _of_folder(path, suffixes) if is_folder(path) else _of_pattern(path)


def _of_pattern(path: Path) -> Numbered:
    found = _NUMBER.search(path.name)
    if found is None:
        raise UsageError(f"{shown(path)}: no such file, folder or pattern of numbered files")
    width = int(found[1] or 1) if found[0].startswith("%") else len(found[0])
    head, tail = (
        re.escape(part) for part in (path.name[: found.start()], path.name[found.end() :])
    )
    name = re.compile(f"{head}(\\d{{{width},}}){tail}", re.DOTALL)
    files: dict[int, str] = {}
    for entry in _names(path.parent):
        if fits := name.fullmatch(entry):
            _add(files, int(fits[1]), entry, path.parent)
    if not files:
        raise UsageError(f"{shown(path)}: no file of such a name in {shown(path.parent)}")
    return _sorted(path, files, path.parent)


def _of_folder(folder: Path, suffixes: Collection[str]) -> Numbered:
    """Find the one sequence in a folder: names that are equal but for one number."""
    groups: dict[tuple[str, ...], list[tuple[list[str], str]]] = defaultdict(list)
    for name in _names(folder):
        stem, ending = os.path.splitext(name)  # noqa: PTH122 (a name, not a path)
        if ending.lower() in suffixes:
            parts = re.split(r"(\d+)", stem)
            groups[(*parts[::2], ending)].append((parts, name))
    groups = {key: named for key, named in groups.items() if len(named[0][0]) > 1}
    patterns: list[str] = []
    files: dict[int, str] = {}
    for key, named in groups.items():
        ending = key[-1]
        columns = [
            at
            for at in range(1, len(named[0][0]), 2)
            if len({int(parts[at]) for parts, _ in named}) > 1
        ] or [len(named[0][0]) - 2]
        at = columns[-1]
        first = named[0][0]
        for parts, name in named if len(columns) == len(groups) == 1 else []:
            _add(files, int(parts[at]), name, folder)
        example = [*first[:at], "#" * len(first[at]), *first[at + 1 :]]
        patterns.append("".join(example) + ending)
        if len(columns) > 1:
            patterns.append(named[-1][1])
    if not patterns:
        raise UsageError(f"{shown(folder)}: no numbered frames in this folder")
    if len(patterns) > 1:
        raise UsageError(
            f"{shown(folder)}: holds several sequences, {', '.join(map(shown, patterns[:_SHOWN]))}"
            f"{' and more' if len(patterns) > _SHOWN else ''}; name one of them, such as "
            f"{shown(folder / patterns[0])}"
        )
    return _sorted(folder / patterns[0], files, folder)


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.is_file() and not entry.name.startswith(".") and not is_litter(entry.name)
            )
    except OSError as error:
        raise UsageError(f"{shown(folder)}: this folder cannot be searched") from error


def _add(files: dict[int, str], number: int, name: str, folder: Path) -> None:
    before = files.setdefault(number, name)
    if before != name:
        raise UsageError(
            f"{shown(folder)}: frame {number} is there twice, as {shown(before)} and "
            f"{shown(name)}; name one sequence by its pattern"
        )


def _sorted(pattern: Path, files: dict[int, str], folder: Path) -> Numbered:
    return Numbered(pattern, {n: str(folder / files[n]) for n in sorted(files)})
