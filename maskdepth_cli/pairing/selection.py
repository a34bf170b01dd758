"""Which objects of annotations and instance maps are wanted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from maskdepth_cli.errors import UsageError
from maskdepth_cli.settings import Setting


def _words(text: str) -> tuple[str, ...]:
    """Return the words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(text: str) -> tuple[int, ...]:
    """Return the whole numbers between commas.

    Raises
    ------
    UsageError
        If one is none.
    """
    try:
        return tuple(int(word) for word in _words(text))
    except ValueError as error:
        raise UsageError(f"--ids {text}: whole numbers with commas between them") from error


@dataclass(frozen=True)
class Selection:
    """Objects by their class or their number; None: all."""

    classes: Annotated[
        tuple[str, ...] | None,
        Setting(
            "Only objects of these classes, where masks are annotations that name them: "
            "person,dog.",
            metavar="NAMES",
            parse=_words,
        ),
    ] = None
    ids: Annotated[
        tuple[int, ...] | None,
        Setting(
            "Only objects of these numbers: values of instance maps, ids of annotations, or "
            "places in a file, from 0.",
            metavar="NUMBERS",
            parse=_numbers,
        ),
    ] = None

    def takes(self, identity: int, labels: Collection[str]) -> bool:
        """Tell whether an object is wanted; upper and lower case are equal."""
        if self.ids is not None and identity not in self.ids:
            return False
        wanted = {word.casefold() for word in self.classes or ()}
        return self.classes is None or any(label.casefold() in wanted for label in labels)

    def unknown(self, labels: Collection[str]) -> list[str]:
        """Return the wanted classes that are not among the labels."""
        known = {label.casefold() for label in labels}
        return [word for word in self.classes or () if word.casefold() not in known]


EVERYTHING = Selection()
