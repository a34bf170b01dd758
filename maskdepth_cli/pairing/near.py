"""Why names do not pair: what files there are called, where they lie, what is not read."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskdepth_cli.files.names import shown
from maskdepth_cli.pairing.finding import InputFile, joined, suffix, without_suffix
from maskdepth_cli.pairing.patterns import NamePattern, composed

_LOOKED_AT = 300
"""Files, and photos, that names are guessed from: spread over all of them."""


@dataclass(frozen=True)
class Search:
    """What was looked for.

    Parameters
    ----------
    root : Path
        The folder.
    suffixes : collection of str
        Extensions that are read.
    pattern : NamePattern
        How files were to be named.
    word : str
        What tools call such a file: ``mask`` or ``depth``.
    option : str
        The option that takes a pattern; empty where there is none.
    """

    root: Path
    suffixes: Collection[str]
    pattern: NamePattern
    word: str
    option: str = ""


def why_unpaired(photos: Sequence[InputFile], places: Sequence[str], search: Search) -> str:
    """Return the likely reason why photos have no file, and what to do; empty if there is none.

    Parameters
    ----------
    photos : sequence of InputFile
        Those without.
    places : sequence of str
        Files below the root that belong to no photo.
    search : Search
        What was looked for.
    """
    return (
        _other_pattern(photos, places, search)
        or _other_folder(photos, places, search)
        or (_other_case(photos, places) if search.pattern.plain else "")
        or _not_read(photos, search)
        or _one_level_up(photos, search)
    )


def _sample(items: Sequence[str]) -> Sequence[str]:
    return items[:: max(1, len(items) // _LOOKED_AT)]


def _stem(place: str) -> str:
    return composed(without_suffix(place).rpartition("/")[2])


def _other_pattern(photos: Sequence[InputFile], places: Sequence[str], search: Search) -> str:
    """Suggest the pattern that most of the files have."""
    stems = {_stem(photo.name) for photo in photos}
    votes: Counter[tuple[str, str]] = Counter()
    for place in _sample(places):
        stem = _stem(place)
        for head, tail in _around(stem, stems):
            votes[head, tail] += 1 + len(places) * (search.word in (head + tail).lower())
            break
    if not votes:
        return ""
    head, tail = max(votes, key=lambda key: votes[key])
    candidates = [f"{head}{{name}}{tail}"]
    alike = [other for before, other in votes if before == head and other[:1] == tail[:1]]
    if len(alike) > 1:
        candidates.append(f"{head}{{name}}{_common_start(alike)}*")
    counts = {text: _fitting(text, photos, places) for text in candidates}
    chosen = max(candidates, key=lambda text: counts[text])
    if not counts[chosen]:
        return _pattern_elsewhere(chosen, photos, places, search)
    advice = f"files there are named {chosen.replace('{name}', 'NAME')}"
    if not search.option:
        return advice
    return f"{advice}: {search.option} '{chosen}' pairs {counts[chosen]}"


def _pattern_elsewhere(
    text: str, photos: Sequence[InputFile], places: Sequence[str], search: Search
) -> str:
    """Name the folders whose files have a pattern, where none lies where it would be looked for."""
    pattern, stems = NamePattern(text), {_stem(photo.name) for photo in photos}
    folders = {
        place.rpartition("/")[0]
        for place in places
        if pattern.photo_of(_stem(place), stems) in stems
    }
    if not folders or not search.option:
        return ""
    names = " or ".join(shown(joined(search.root, folder)) for folder in sorted(folders)[:3])
    return (
        f"files in {names} are named {text.replace('{name}', 'NAME')}: give "
        f"{'one of these folders' if len(folders) > 1 else 'that folder'}, and {search.option} "
        f"'{text}'"
    )


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in same)


def _fitting(text: str, photos: Sequence[InputFile], places: Sequence[str]) -> int:
    """Count the photos that a pattern would find a file for."""
    pattern = NamePattern(text)
    names = {composed(without_suffix(photo.name)) for photo in photos}
    short = {name.rpartition("/")[2] for name in names}
    found = {pattern.photo_of(composed(without_suffix(place)), names | short) for place in places}
    return len(found & names) or len(found & short)


def _around(stem: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield what stands before and after a photo's name in a longer one, long names first."""
    for length in range(len(stem) - 1, 0, -1):
        for start in range(len(stem) - length + 1):
            end = start + length
            if stem[start:end] in names and _apart(stem, start) and _apart(stem, end):
                yield stem[:start], stem[end:]


def _apart(text: str, cut: int) -> bool:
    """Tell whether a name may end here: not within a word or a number."""
    if not 0 < cut < len(text):
        return True
    left, right = text[cut - 1], text[cut]
    return not (left.isdecimal() and right.isdecimal()) and not (left.isalpha() and right.isalpha())


def _other_folder(photos: Sequence[InputFile], places: Sequence[str], search: Search) -> str:
    """Say where files of the right names lie."""
    folders = {_stem(photo.name): composed(photo.name).rpartition("/")[0] for photo in photos}
    votes: Counter[tuple[str, str]] = Counter()
    for place in places:
        fitting = search.pattern.photo_of(composed(without_suffix(place)), folders)
        folder, _, name = (fitting or "").rpartition("/")
        if name in folders and folders[name] != folder:
            votes[folders[name], folder] += 1
    if not votes:
        return ""
    (wanted, there), count = votes.most_common(1)[0]
    lying = shown(joined(search.root, there)) if there else shown(search.root)
    level = ""
    if wanted and there == wanted.rpartition("/")[0]:
        level = ", one level up"
    elif not wanted and there:
        level = f": give {shown(joined(search.root, there))} as their folder"
    return f"{count} files of these names lie in {lying}{level}"


def _other_case(photos: Sequence[InputFile], places: Sequence[str]) -> str:
    """Name a file that differs from a photo by case, or that counts as a photo itself."""
    names = {without_suffix(composed(photo.name)): photo.name for photo in photos}
    folded = {name.casefold(): photo for name, photo in names.items()}
    for place in places:
        name = without_suffix(composed(place))
        photo = folded.get(name.casefold())
        if photo and name not in names:
            return f"{shown(place)} differs from {shown(photo)} by case"
        if photo and place != photo:
            return f"{shown(place)} is taken as a photo itself: name the photos, not their folder"
    return ""


def _not_read(photos: Sequence[InputFile], search: Search) -> str:
    """Name a file of the right name that is of a format that is not read."""
    counts: Counter[str] = Counter()
    example = ""
    for folder, stems in _by_folder(photos, search.pattern).items():
        for name in _names(Path(joined(search.root, folder))):
            ending = suffix(name).lower()
            if ending and ending not in search.suffixes and composed(without_suffix(name)) in stems:
                counts[ending] += 1
                example = example or joined(search.root, f"{folder}/{name}" if folder else name)
    if not counts:
        return ""
    ending = suffix(example).lower()
    read = " ".join(sorted(search.suffixes))
    return f"{shown(example)} is there, but {ending} is not read here ({read})"


def _one_level_up(photos: Sequence[InputFile], search: Search) -> str:
    """Say if files of the right names lie beside the folder that was named."""
    parent = Path(os.path.abspath(search.root)).parent  # noqa: PTH100 (keeps links)
    here = {
        composed(without_suffix(name))
        for name in _names(parent)
        if suffix(name).lower() in search.suffixes
    }
    own = {os.path.dirname(os.path.abspath(photo.location)) for photo in photos}  # noqa: PTH100, PTH120
    wanted = (search.pattern.example(_stem(photo.name), "") for photo in photos)
    count = sum(name in here for name in wanted)
    if not count or str(parent) in own:
        return ""
    return f"there are {count} files of these names one level up, in {shown(parent)}"


def _by_folder(photos: Iterable[InputFile], pattern: NamePattern) -> Mapping[str, set[str]]:
    """Return the names without extension that were looked for, by folder; of some photos."""
    found: dict[str, set[str]] = {}
    for photo in photos:
        place = composed(without_suffix(photo.name))
        folder, _, name = pattern.example(place, "").rpartition("/")
        if folder in found or len(found) < _LOOKED_AT:
            found.setdefault(folder, set()).add(name)
    return found


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []
