"""How a tool names what it makes of a photo: ``{name}_mask``, ``{name}-*``, ``{name}/depth``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.names import shown
from maskdepth_cli.pairing.finding import suffix

_NAME = "{name}"
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}")


def composed(text: str) -> str:
    """Return a name with composed accents: macOS hands out decomposed ones."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@dataclass(frozen=True)
class NamePattern:
    """Names of masks or depth maps, with ``{name}`` in the place of the photo's.

    ``{name}`` is the photo's file name without its extension, or with it: both are tried. ``*``
    stands for any characters but ``/``. Folders may follow or go before: ``{name}/depth`` is
    ``tree/depth.exr`` for ``tree.jpg``. An extension at the end (``{name}.depth.pfm``) is the only
    one that counts, else any does. Text without ``{name}`` is what follows it.

    Parameters
    ----------
    text : str
        The pattern.
    suffixes : collection of str
        Extensions, in lower case, that files of this role can have: by these an extension is told
        from a dot in a name.

    Raises
    ------
    UsageError
        It holds ``{name}`` twice, or leads out of the photo's folder.

    Examples
    --------
    >>> pattern = NamePattern("{name}-*")
    >>> pattern.photo_of("x/tree-dpt_large", {"x/tree"})
    'x/tree'
    >>> NamePattern("_mask").photo_of("x/tree_mask"), NamePattern("_mask").photo_of("x/tree")
    ('x/tree', None)
    """

    text: str = _NAME
    suffixes: Container[str] = ()
    ending: str = field(init=False, default="")
    _head: str = field(init=False, default="")
    _tail: str = field(init=False, default="")
    _regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = composed(self.text.replace("\\", "/"))
        whole = text if _NAME in text else _NAME + text
        head, name, tail = whole.partition(_NAME)
        parts = f"{head}x{tail}".split("/")
        if _NAME in tail or not name or not all(parts) or {".", ".."} & set(parts):
            raise UsageError(
                f"{shown(self.text)}: no pattern of names; write {_NAME} for the photo's name, "
                f"once, such as {_NAME}_mask or {_NAME}/depth"
            )
        end = suffix(f"x{tail}")
        if end.lower() in self.suffixes and _ENDING.fullmatch(end):
            tail = tail[: -len(end)]
            object.__setattr__(self, "ending", end.lower())
        object.__setattr__(self, "_head", head)
        object.__setattr__(self, "_tail", tail)
        pieces = "(?P<folder>(?:.*/)?)", _regex(head), "(?P<name>[^/]+)", _regex(tail)
        object.__setattr__(self, "_regex", re.compile("".join(pieces), re.DOTALL))

    @property
    def plain(self) -> bool:
        """Whether files are named as their photos are."""
        return not self._head and not self._tail

    @property
    def wild(self) -> bool:
        """Whether several names belong to one photo."""
        return "*" in self._head + self._tail

    def counts(self, place: str) -> bool:
        """Return whether a file's extension is one of the pattern's."""
        return not self.ending or suffix(place).lower() == self.ending

    def photo_of(self, place: str, photos: Container[str] = ()) -> str | None:
        """Return which photo's a file is, None where the pattern does not fit.

        Parameters
        ----------
        place : str
            Path of the file without extension.
        photos : container of str
            Names that photos have. Where the pattern has a ``*``, the longest of them counts.

        Returns
        -------
        str or None
            The photo's path below its own folder, as the file's name has it.
        """
        if self.plain:
            return place
        found = self._regex.fullmatch(place)
        if not found:
            return None
        if self.wild:
            known = (name for name in self._readings(place) if name in photos)
            if name := max(known, key=len, default=""):
                return name
        return found["folder"] + found["name"]

    def example(self, name: str, ending: str) -> str:
        """Return how the file of a photo is called; `ending` where the pattern leaves it open."""
        folder, _, last = name.rpartition("/")
        place = f"{self._head}{last}{self._tail}{self.ending or ending}"
        return f"{folder}/{place}" if folder else place

    def _readings(self, place: str) -> Iterator[str]:
        """Yield all that the photo's path can be where the pattern has a ``*``."""
        head, tail = (re.compile(_regex(part), re.DOTALL) for part in (self._head, self._tail))
        starts = [0, *(at + 1 for at, letter in enumerate(place) if letter == "/")]
        for start in starts:
            firsts = range(start, len(place)) if "*" in self._head else [start + len(self._head)]
            for first in firsts:
                if head.fullmatch(place, start, first):
                    slash = place.find("/", first)
                    for end in range(first + 1, (slash if slash >= 0 else len(place)) + 1):
                        if tail.fullmatch(place, end):
                            yield place[:start] + place[first:end]


def _regex(text: str) -> str:
    return "[^/]*".join(map(re.escape, text.split("*")))


SAME_NAME = NamePattern()
"""Files are named as their photos are."""
