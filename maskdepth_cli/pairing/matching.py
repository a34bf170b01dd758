"""Which masks or depth map belong to which photo, and where a photo's output goes."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.names import shown
from maskdepth_cli.pairing.coco import CocoFile, coco_file_at
from maskdepth_cli.pairing.finding import (
    IMAGE_SUFFIXES,
    RAW_SUFFIXES,
    InputFile,
    find_inputs,
    is_file,
    is_folder,
    joined,
    listing,
    suffix,
    without_suffix,
)
from maskdepth_cli.pairing.output_names import OutputNames, output_names
from maskdepth_cli.pairing.patterns import SAME_NAME, NamePattern, composed
from maskdepth_cli.pairing.twins import leave_floats

__all__ = [
    "DEPTH_SUFFIXES",
    "IMAGE_SUFFIXES",
    "MASK_SUFFIXES",
    "RAW_SUFFIXES",
    "InputFile",
    "NamePattern",
    "OutputNames",
    "Pairing",
    "Paths",
    "find_inputs",
    "natural_order",
    "output_names",
    "pair",
    "texts_of",
]

MASK_SUFFIXES = IMAGE_SUFFIXES | {".npy", ".npz", ".json", ".txt"}
_TEXT = (".txt",)  # YOLO's, or a note that nobody takes for a mask
DEPTH_SUFFIXES = IMAGE_SUFFIXES | {".npy", ".npz", ".pfm", ".exr"}


class Paths(Mapping[InputFile, tuple[Path, ...]]):
    """Files of photos, kept as text below one folder: there may be a million."""

    def __init__(self, root: str, places: Mapping[InputFile, tuple[str, ...]]) -> None:
        self._root = root
        self._places = places

    def __getitem__(self, photo: InputFile) -> tuple[Path, ...]:
        return tuple(Path(text) for text in self.texts(photo))

    def __iter__(self) -> Iterator[InputFile]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def texts(self, photo: InputFile) -> tuple[str, ...]:
        """Return the files of a photo, as text."""
        return tuple(joined(self._root, place) for place in self._places[photo])


@dataclass(frozen=True)
class Pairing:
    """What `pair` found.

    Attributes
    ----------
    paired : mapping of InputFile to tuple of Path
        The files of each photo, in natural order of their names; never an empty tuple.
    unpaired_inputs : tuple of InputFile
        Photos without a file.
    unused_files : tuple of Path
        Files that belong to no photo.
    ambiguous : dict of InputFile to tuple of Path
        Photos with several candidates of which none is preferred.
    shared : dict of Path to tuple of InputFile
        Files that are paired with several photos, which differ by extension only.
    twins : dict of InputFile to tuple of str
        Depth maps that are there twice: the file of floats, which is paired, and the others.
    leftovers : tuple of str
        Where photos are without a file: the places of all files below the folder that are nobody's,
        the photos themselves included.
    """

    paired: Mapping[InputFile, tuple[Path, ...]]
    unpaired_inputs: tuple[InputFile, ...]
    unused_files: tuple[Path, ...]
    ambiguous: Mapping[InputFile, tuple[Path, ...]]
    shared: Mapping[Path, tuple[InputFile, ...]] = field(default_factory=dict)
    twins: Mapping[InputFile, tuple[str, ...]] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()


def texts_of(paths: Mapping[InputFile, tuple[Path, ...]], photo: InputFile) -> tuple[str, ...]:
    """Return the files of a photo as text, none where it has none."""
    if photo not in paths:
        return ()
    return paths.texts(photo) if isinstance(paths, Paths) else tuple(map(str, paths[photo]))


def pair(
    inputs: Sequence[InputFile],
    folder_or_file: str | Path,
    suffixes: Collection[str] = MASK_SUFFIXES,
    pattern: NamePattern = SAME_NAME,
    word: str = "mask",
) -> Pairing:
    """Find the mask(s) or the depth map of each photo.

    For the photo ``x/photo.jpg`` the first of these places that exists counts:

    1. ``x/photo.jpg.*`` or files in the folder ``x/photo.jpg/``; then ``x/photo.jpg.mask.*``,
    2. ``x/photo.*`` or files in the folder ``x/photo/``,
    3. if no photo of a subfolder has its file in 1 or 2: ``photo.jpg.*``, then ``photo.*``, at the
       top, as long as no other photo has the same name.

    With a pattern, the names of files and folders are those that it gives. Several files in one
    folder, or that one pattern's ``*`` gives, are several masks of the photo. Several files at one
    place that differ by extension only, or a file beside a folder, are ambiguous. A file that has
    the name of two photos, but for their extensions, is both photos'. Files that are the exact
    partner of one photo are no part of another's folder, and a photo is never another photo's mask.
    Unicode forms of a name are equal.

    Parameters
    ----------
    inputs : sequence of InputFile
        The photos.
    folder_or_file : str or Path
        The folder to search; or one file, if there is one photo, or it is COCO's.
    suffixes : collection of str
        Extensions, in lower case, that count.
    pattern : NamePattern
        How files are named.
    word : str
        What may stand between a photo's whole name and the extension.

    Raises
    ------
    UsageError
        If the path does not exist, or is one file for several photos.
    """
    root = Path(folder_or_file)
    if is_file(root):
        if (document := coco_file_at(root)) is not None:
            return _annotated(inputs, document)
        if len(inputs) > 1:
            raise UsageError(
                f"{shown(root)}: one file for {len(inputs)} photos; give a folder. (A mask or a "
                "depth map is named after --masks or --depths, not beside the photo)"
            )
        return Pairing({photo: (root,) for photo in inputs}, (), () if inputs else (root,), {})
    if not is_folder(root):
        raise UsageError(f"{shown(root)}: no such file or folder")
    photos = _photos_in(root, inputs)
    listed = listing(root, suffixes)
    found = [place for place in listed if place not in photos] if photos else listed
    places = _Places(found, inputs, pattern, word)
    answers = {photo: places.exact(photo.name) for photo in inputs}
    nested = [photo for photo in inputs if "/" in photo.name]
    if nested and not any(answers[photo] for photo in nested):
        names = Counter(_last(without_suffix(photo.name)) for photo in inputs)
        for photo in nested:
            if names[_last(without_suffix(photo.name))] == 1:
                answers[photo] = places.exact(_last(photo.name))
    twins: dict[InputFile, tuple[str, ...]] = {}
    if frozenset(suffixes) >= DEPTH_SUFFIXES:
        twins = leave_floats(answers, places.files, str(root), named=pattern != SAME_NAME)
    return _sort_out(answers, places, str(root), listed, twins)


def _annotated(inputs: Sequence[InputFile], document: CocoFile) -> Pairing:
    """Pair photos with annotations of many, which name their photos."""
    entries = {photo: document.image_of(photo.name) for photo in inputs}
    uses = Counter(id(entry) for entry in entries.values() if entry is not None)
    named = {photo for photo, entry in entries.items() if uses[id(entry)] == 1}
    return Pairing(
        {photo: (document.path,) for photo in inputs if photo in named},
        tuple(photo for photo in inputs if photo not in named),
        (),
        {},
    )


def _photos_in(root: Path, inputs: Sequence[InputFile]) -> set[str]:
    """Return the places below `root` that are photos themselves."""
    start = os.path.join(os.path.abspath(root), "")  # noqa: PTH100, PTH118 (keeps links, is fast)
    absolute = (os.path.abspath(photo.location) for photo in inputs)  # noqa: PTH100
    return {path[len(start) :].replace(os.sep, "/") for path in absolute if path.startswith(start)}


class _Places:
    """The files of a folder by the photo that their name says, and by their folder."""

    def __init__(
        self,
        found: Sequence[str],
        inputs: Sequence[InputFile],
        pattern: NamePattern,
        word: str,
    ) -> None:
        self._word = word
        self._wild = pattern.wild
        self.files: dict[str, list[str]] = defaultdict(list)
        self.folders: dict[str, list[str]] = defaultdict(list)
        partners = {key for photo in inputs for key in self._keys(photo.name)}
        for place in found:
            key = self._photo_of(place, pattern, partners)
            folder = composed(place.rpartition("/")[0])
            if key is not None:
                self.files[key].append(place)
            owner = None
            if folder and key not in partners:
                owner = pattern.photo_of(folder, partners)
            if owner is not None:
                self.folders[owner].append(place)

    @staticmethod
    def _photo_of(place: str, pattern: NamePattern, partners: set[str]) -> str | None:
        return (
            pattern.photo_of(composed(without_suffix(place)), partners)
            if pattern.counts(place)
            else None
        )

    def _keys(self, name: str) -> tuple[str, str, str]:
        full = composed(name)
        return full, f"{full}.{self._word}", composed(without_suffix(name))

    def exact(self, name: str) -> list[tuple[str, ...]]:
        """Return the alternatives at the first place that has any: one is an answer."""
        for key in self._keys(name):
            found = self._alternatives(self.files.get(key, ()))
            if key in self.folders:
                found.append(tuple(sorted(self.folders[key], key=natural_order)))
            if found:
                return found
        return []

    def _alternatives(self, places: Sequence[str]) -> list[tuple[str, ...]]:
        """Return one answer of all files whose names a ``*`` tells apart, else each for itself."""
        if self._wild and len({without_suffix(place) for place in places}) == len(places) > 1:
            return [tuple(sorted(places, key=natural_order))]
        return [(place,) for place in places]


def _sort_out(
    answers: dict[InputFile, list[tuple[str, ...]]],
    places: _Places,
    root: str,
    listed: Sequence[str],
    twins: Mapping[InputFile, tuple[str, ...]],
) -> Pairing:
    paired = {photo: found[0] for photo, found in answers.items() if len(found) == 1}
    ambiguous = {
        photo: tuple(path for group in found for path in group)
        for photo, found in answers.items()
        if len(found) > 1
    }
    owners: dict[str, list[InputFile]] = defaultdict(list)
    for photo, found in paired.items():
        owners[found[0]].append(photo)
    groups = (*paired.values(), *ambiguous.values(), *twins.values())
    used = {place for group in groups for place in group}
    all_files = (*places.files.values(), *places.folders.values())
    unused = sorted(
        {place for group in all_files for place in group if place not in used}
        - {place for place in listed if suffix(place).lower() in _TEXT}
    )
    unpaired = tuple(photo for photo, found in answers.items() if not found)
    return Pairing(
        Paths(root, paired),
        unpaired,
        tuple(Path(joined(root, place)) for place in unused),
        Paths(root, ambiguous),
        {Path(joined(root, p)): tuple(those) for p, those in owners.items() if len(those) > 1},
        twins,
        tuple(place for place in listed if place not in used) if unpaired else (),
    )


def _last(place: str) -> str:
    return place.rpartition("/")[2]


def natural_order(path: str | PurePath) -> tuple[tuple[int, str], ...]:
    """Return a sort key that puts 2.png before 10.png."""
    parts = re.split(r"(\d+)", _last(path) if isinstance(path, str) else path.name)
    return tuple((int(p), "") if p.isdecimal() else (-1, p) for p in parts)
