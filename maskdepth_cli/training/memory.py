"""Decoded files kept in memory, up to so many bytes: a small set is decoded once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")
LIMIT = 2 << 30  # bytes, per set and process


class Remembered(Generic[T]):
    """A function of an index that keeps its latest results.

    Parameters
    ----------
    read : callable
        Gives the array, or the dataclass of arrays, of an index.
    limit : int
        Bytes of arrays that are kept; what was used longest ago goes first.
    """

    def __init__(self, read: Callable[[int], T], limit: int = LIMIT) -> None:
        self.read, self.limit = read, limit
        self.kept: OrderedDict[int, T] = OrderedDict()
        self.bytes = 0

    def __call__(self, index: int) -> T:
        """Return what ``read`` gives for an index."""
        if index in self.kept:
            self.kept.move_to_end(index)
            return self.kept[index]
        value = self.read(index)
        self.kept[index] = value
        self.bytes += _size(value)
        while self.bytes > self.limit:
            self.bytes -= _size(self.kept.popitem(last=False)[1])
        return value


def _size(value: Any) -> int:
    parts = vars(value).values() if is_dataclass(value) else (value,)
    return sum(part.nbytes for part in parts if isinstance(part, np.ndarray))
