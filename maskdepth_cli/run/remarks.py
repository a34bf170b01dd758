"""What is said once of a whole run: signs that its results cannot be right, remarks that repeat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

_EARLY = 8
"""Results after which a sign in most of them is told, while the run goes on."""
_MOST = 0.75
_REPEATED = 5
"""Remarks of one kind that are printed one by one."""


@dataclass(frozen=True)
class Sign:
    """Something measured in a result that is odd where many photos have it.

    Parameters
    ----------
    name
        As workers report it in `signs` of a record's details.
    text
        What is said, with `{count}` and `{total}`.
    share
        Of the photos that must have it, more than this; 0: any.
    """

    name: str
    text: str
    share: float = 0.5


class Watch:
    """Count signs over the results of a run; each is told once, with the count and the cause.

    Parameters
    ----------
    signs
        What is told.
    """

    def __init__(self, signs: Sequence[Sign] = ()) -> None:
        self._signs = list(signs)
        self._counts: Counter[str] = Counter()
        self._total = 0

    def add(self, signs: Collection[str]) -> Iterator[str]:
        """Count one result; yield what can be told early."""
        self._total += 1
        self._counts.update(set(signs))
        if self._total == _EARLY:
            yield from self._told([sign for sign in self._signs if sign.share], _MOST)

    def end(self) -> Iterator[str]:
        """Yield what is to be told of the whole run."""
        yield from self._told(list(self._signs), 0)

    def _told(self, signs: Sequence[Sign], share: float) -> Iterator[str]:
        for sign in signs:
            count = self._counts[sign.name]
            if count and count > max(sign.share, share) * self._total - (sign.share == 1):
                self._signs.remove(sign)
                yield sign.text.format(count=count, total=self._total)


class Repeats:
    """Hold back remarks of one kind after the first few; count them."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._texts: dict[str, str] = {}

    def first(self, name: str, text: str) -> bool:
        """Count a remark on a photo; return whether it is one of the first of its kind."""
        kind = _kind(name, text)
        self._counts[kind] += 1
        if self._texts.setdefault(kind, text) != text:
            self._texts[kind] = kind
        return self._counts[kind] <= _REPEATED

    def end(self) -> Iterator[str]:
        """Yield how many more there were of each kind, and start anew."""
        for kind, count in self._counts.items():
            if count > _REPEATED:
                photos = "photo" if count == _REPEATED + 1 else "photos"
                yield f"{count - _REPEATED} more {photos}: {self._texts[kind]}"
        self._counts.clear()


def _kind(name: str, text: str) -> str:
    """Return a remark without what differs from photo to photo: its name, and numbers."""
    path = PurePath(name)
    for part in (path.as_posix(), path.name, path.with_suffix("").as_posix(), path.stem):
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(part)}(?![A-Za-z0-9])", "NAME", text)
    return re.sub(r"\d+(\.\d+)?", "N", text)
