"""Which masks or depth map belong to which photo, and where a photo's output goes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.finding import (
    IMAGE_SUFFIXES,
    InputFile,
    find_inputs,
    is_file,
    is_folder,
    walk,
)
from maskdepth_cli.files.names import shown

__all__ = [
    "DEPTH_SUFFIXES",
    "IMAGE_SUFFIXES",
    "MASK_SUFFIXES",
    "InputFile",
    "Pairing",
    "find_inputs",
    "natural_order",
    "output_names",
    "pair",
]

MASK_SUFFIXES = IMAGE_SUFFIXES | {".npy", ".npz"}
DEPTH_SUFFIXES = IMAGE_SUFFIXES | {".npy", ".npz", ".pfm", ".exr"}


@dataclass(frozen=True)
class Pairing:
    """What `pair` found.

    Attributes
    ----------
    paired : dict of InputFile to tuple of Path
        The files of each photo, in natural order of their names; never an empty tuple.
    unpaired_inputs : tuple of InputFile
        Photos without a file.
    unused_files : tuple of Path
        Files that belong to no photo.
    ambiguous : dict of InputFile to tuple of Path
        Photos with several candidates of which none is preferred.
    """

    paired: dict[InputFile, tuple[Path, ...]]
    unpaired_inputs: tuple[InputFile, ...]
    unused_files: tuple[Path, ...]
    ambiguous: dict[InputFile, tuple[Path, ...]]


def pair(
    inputs: Sequence[InputFile],
    folder_or_file: str | Path,
    suffixes: Collection[str] = MASK_SUFFIXES,
) -> Pairing:
    """Find the mask(s) or the depth map of each photo.

    For the photo ``x/photo.jpg`` the first of these places that exists counts:

    1. ``x/photo.jpg.*`` or files in the folder ``x/photo.jpg/``,
    2. ``x/photo.*`` or files in the folder ``x/photo/``,
    3. if no photo of a subfolder has its file in 1 or 2: ``photo.jpg.*``, then ``photo.*``, at the
       top, as long as no other photo has the same name.

    Several files in one folder are several masks of the photo. Several files at one place that
    differ by extension only, or a file beside a folder, are ambiguous. Files that are the exact
    partner of one photo are no part of another's folder. Unicode forms of a name are equal.

    Parameters
    ----------
    inputs : sequence of InputFile
        The photos.
    folder_or_file : str or Path
        The folder to search; or one file, if there is one photo.
    suffixes : collection of str
        Extensions, in lower case, that count.

    Raises
    ------
    UsageError
        If the path does not exist, or is one file for several photos.
    """
    root = Path(folder_or_file)
    if is_file(root):
        if len(inputs) > 1:
            raise UsageError(f"{shown(root)}: one file for {len(inputs)} photos; give a folder")
        return Pairing({photo: (root,) for photo in inputs}, (), () if inputs else (root,), {})
    if not is_folder(root):
        raise UsageError(f"{shown(root)}: no such file or folder")
    places = _Places.of(walk(root, suffixes), root, inputs)
    answers = {photo: places.exact(photo) for photo in inputs}
    nested = [photo for photo in inputs if len(photo.relative.parts) > 1]
    if nested and not any(answers[photo] for photo in nested):
        names = Counter(photo.relative.stem for photo in inputs)
        answers |= {p: places.at_top(p) for p in nested if names[p.relative.stem] == 1}
    return _sort_out(answers, places)


@dataclass(frozen=True)
class _Places:
    files: dict[str, tuple[Path, ...]]  # relative path without extension -> files there
    folders: dict[str, tuple[Path, ...]]  # relative folder -> files directly in it

    @classmethod
    def of(cls, found: Sequence[Path], root: Path, inputs: Sequence[InputFile]) -> _Places:
        files: dict[str, list[Path]] = defaultdict(list)
        folders: dict[str, list[Path]] = defaultdict(list)
        partners = {key for photo in inputs for key in _keys(photo.relative)}
        for path in found:
            place = path.relative_to(root)
            key = _key(place.with_suffix(""))
            files[key].append(path)
            if key not in partners and len(place.parts) > 1:
                folders[_key(place.parent)].append(path)
        return cls(
            {key: tuple(paths) for key, paths in files.items()},
            {key: tuple(sorted(paths, key=natural_order)) for key, paths in folders.items()},
        )

    def exact(self, photo: InputFile) -> list[tuple[Path, ...]]:
        return self._first(_keys(photo.relative), photo)

    def at_top(self, photo: InputFile) -> list[tuple[Path, ...]]:
        return self._first(_keys(Path(photo.relative.name)), photo)

    def _first(self, keys: Iterable[str], photo: InputFile) -> list[tuple[Path, ...]]:
        """Return the alternatives at the first place that has any: one is an answer."""
        for key in keys:
            single = [(path,) for path in self.files.get(key, ()) if path != photo.path]
            several = [self.folders[key]] if key in self.folders else []
            if single or several:
                return single + several
        return []


def _sort_out(answers: dict[InputFile, list[tuple[Path, ...]]], places: _Places) -> Pairing:
    paired = {photo: found[0] for photo, found in answers.items() if len(found) == 1}
    ambiguous = {
        photo: tuple(path for group in found for path in group)
        for photo, found in answers.items()
        if len(found) > 1
    }
    used = {path for paths in (*paired.values(), *ambiguous.values()) for path in paths}
    unused = (path for paths in places.files.values() for path in paths if path not in used)
    unpaired = tuple(photo for photo, found in answers.items() if not found)
    return Pairing(paired, unpaired, tuple(sorted(unused)), ambiguous)


def _keys(relative: Path) -> tuple[str, str]:
    return _key(relative), _key(relative.with_suffix(""))


def _key(relative: PurePath) -> str:
    # macOS hands out decomposed accents, other systems composed ones.
    return unicodedata.normalize("NFC", relative.as_posix())


def natural_order(path: PurePath) -> tuple[tuple[int, str], ...]:
    """Return a sort key that puts 2.png before 10.png."""
    parts = re.split(r"(\d+)", path.name)
    return tuple((int(p), "") if p.isdecimal() else (-1, p) for p in parts)


def output_names(
    inputs: Sequence[InputFile], *, ignore_case: bool = False
) -> tuple[dict[InputFile, Path], tuple[InputFile, ...]]:
    """Give each photo its place in the output tree, without an extension.

    ``x/photo.jpg`` becomes ``x/photo``. Photos that differ by extension only keep it:
    ``x/photo.jpg`` and ``x/photo.png`` become ``x/photo.jpg`` and ``x/photo.png``, to which the
    output's own extension is added.

    Parameters
    ----------
    inputs : sequence of InputFile
        The photos.
    ignore_case : bool
        Whether names that differ by case only are one file on the output's file system.

    Returns
    -------
    names : dict of InputFile to Path
        The relative output path of each photo; all different.
    clashing : tuple of InputFile
        Photos that cannot be told apart by their relative path: they are not in `names`.
    """

    def fold(path: Path) -> str:
        return _key(path).casefold() if ignore_case else _key(path)

    short = {photo: photo.relative.with_suffix("") for photo in inputs}
    uses = Counter(map(fold, short.values()))
    names = {p: s if uses[fold(s)] == 1 else p.relative for p, s in short.items()}
    uses = Counter(map(fold, names.values()))
    clashing = tuple(photo for photo, name in names.items() if uses[fold(name)] > 1)
    return {p: name for p, name in names.items() if uses[fold(name)] == 1}, clashing
