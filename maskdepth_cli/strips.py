"""What several rooms do with maps: they go through them in strips, and ask for their range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def strips(start: int, stop: int, step: int) -> Iterator[slice]:
    """Divide ``start`` to ``stop`` into slices of ``step``, of at least 1; the last may be less."""
    step = max(step, 1)
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))


def value_range(values: NDArray[Any], known: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the smallest and the largest value where it is known; inf and -inf where none is."""
    # Twice as fast without `where`.
    chosen: dict[str, Any] = {} if known.all() else {"where": known}
    return (
        float(values.min(initial=np.inf, **chosen)),
        float(values.max(initial=-np.inf, **chosen)),
    )
