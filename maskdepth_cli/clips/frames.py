"""What every kind of clip gives: numbers of frames, and a frame when it is asked for."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from maskdepth_cli.clips.numbering import Numbered
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.rasters import Raster

Held = TypeVar("Held")

HELD_FRAMES = 16
"""Frames that were passed and not asked for, kept for readers that run side by side."""


class Frames(ABC):
    """The frames of a clip, of one role: photos, masks or depth maps.

    Attributes
    ----------
    path : Path
        What messages call it.
    numbers : sequence of int
        Of its frames, ascending; those of videos and stacks begin with 1.
    numbered : bool
        Whether the numbers are the files' own.
    rate : Fraction or None
        Frames a second, where it tells.
    facts : mapping
        What a file of ours says of its numbers, see `depth_map_of`.
    """

    path: Path
    numbers: Sequence[int]
    numbered: bool = False
    rate: Fraction | None = None
    facts: Mapping[str, Any] = MappingProxyType({})

    @abstractmethod
    def file(self, number: int) -> Path:
        """Return the file that holds a frame."""

    @abstractmethod
    def frame(self, number: int) -> Path | Raster | NDArray[Any]:
        """Return a frame: a file of its own, a decoded picture, or an array (H, W).

        Raises
        ------
        InputFileError
            It cannot be read.
        """

    def gaps(self) -> list[int]:
        """Return the numbers that are missing between the first and the last."""
        first, last = self.numbers[0], self.numbers[-1]
        if len(self.numbers) == last - first + 1:
            return []
        there = set(self.numbers)
        return [number for number in range(first, last + 1) if number not in there]


class FrameFiles(Frames):
    """Numbered files."""

    numbered = True

    def __init__(self, found: Numbered) -> None:
        self.path = found.pattern
        self._files = found.files
        self.numbers = list(found.files)

    def file(self, number: int) -> Path:
        """Return the frame's own file."""
        return Path(self._files[number])

    def frame(self, number: int) -> Path:
        """Return the frame's own file."""
        return self.file(number)


class Forward(ABC, Generic[Held]):
    """Items of a file that is read forwards: in order, nearly in order, or from a place on.

    Several threads may ask. What is passed on the way to an item is kept for a while, so that
    neighbours that are asked for in another order cost nothing; going back costs a seek.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[int, Held] = OrderedDict()
        self._next = 0

    def item(self, index: int) -> Held:
        """Return the item of an index, from 0."""
        with self._lock:
            if index in self._held:
                return self._held.pop(index)
            if index < self._next or index > self._next + self.worth_reading:
                self._held.clear()
                self._next = self.seek(index)
            while True:
                at = self._next
                self._next += 1
                try:
                    item = self.read(at)
                except InputFileError:
                    if at == index:
                        raise
                    continue
                if at == index:
                    return item
                self._held[at] = item
                if len(self._held) > HELD_FRAMES:
                    self._held.popitem(last=False)

    worth_reading: int = HELD_FRAMES
    """Items to read rather than to seek."""

    @abstractmethod
    def seek(self, index: int) -> int:
        """Go to an item, or to one before it; return the index of what is read next."""

    @abstractmethod
    def read(self, index: int) -> Held:
        """Read the next item, whose index is known.

        Raises
        ------
        InputFileError
            There is none, or it is damaged.
        """
