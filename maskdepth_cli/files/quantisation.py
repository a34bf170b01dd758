"""Depth in 16 bits and back: a linear scale with codes set aside for unknown and infinite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import strips, value_range

_PREFIX = "maskdepth."
_WHITE = 65535
_STRIP = 1 << 16  # pixels that are converted at once


@dataclass(frozen=True)
class Scale:
    """How codes stand for values: the lowest free code is `low`, the highest `high`.

    Attributes
    ----------
    kind : str
        "inverse" or "depth".
    low, high : float
        Smallest and largest finite value.
    unknown : int or None
        The code of unknown pixels (NaN), 0 if there are any.
    infinite : int or None
        The code of infinitely far pixels of kind "depth", 65535 if there are any.
    """

    kind: str
    low: float
    high: float
    unknown: int | None = None
    infinite: int | None = None

    def record(self) -> dict[str, Any]:
        """Return the fields that are set, as plain data."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    def text(self) -> dict[str, str]:
        """Return the fields that are set, as PNG text chunks."""
        return {
            _PREFIX + key: repr(value) if isinstance(value, float) else str(value)
            for key, value in self.record().items()
        }

    def codes(self) -> tuple[int, int]:
        """Return the codes of `low` and `high`."""
        return int(self.unknown is not None), _WHITE - int(self.infinite is not None)


def quantise(values: NDArray[np.float32], kind: str) -> tuple[NDArray[np.uint16], Scale]:
    """Spread the finite values linearly over the 16-bit codes.

    Parameters
    ----------
    values : ndarray
        float32 (H, W) with at least one finite value; NaN is unknown, and so is infinity, except
        +inf of kind "depth".
    kind : str
        "inverse" or "depth".

    Returns
    -------
    codes : ndarray
        uint16 (H, W); `dequantise` restores finite values within half a step,
        (high - low) / 65535 or a little more if codes are set aside.
    scale : Scale
        What `dequantise` needs.
    """
    finite = np.isfinite(values)
    whole = bool(finite.all())
    infinite = np.isposinf(values) if kind == "depth" and not whole else np.False_
    scale = Scale(
        kind,
        *value_range(values, finite),
        None if whole or (finite | infinite).all() else 0,
        _WHITE if infinite.any() else None,
    )
    first, last = scale.codes()
    span = scale.high - scale.low
    steps = (last - first) / span if span > 0 else 0.0
    codes = np.empty(values.shape, np.uint16)
    for rows in strips(0, len(values), _STRIP // values.shape[1]):
        known = values[rows] if whole else np.where(finite[rows], values[rows], scale.low)
        # Double precision: single would add up to 1/100 step to the half step of rounding.
        places = np.subtract(known, scale.low, dtype=np.float64)
        places *= steps
        places += first
        codes[rows] = np.rint(places, out=places)
    if not whole:
        codes[~finite] = 0
        np.copyto(codes, _WHITE, where=infinite)
    return codes, scale


def dequantise(
    codes: NDArray[Any], scale: Scale, full: float = _WHITE
) -> NDArray[np.floating[Any]]:
    """Restore values from codes.

    Parameters
    ----------
    codes : ndarray
        (H, W) integers.
    scale : Scale
        As `quantise` gave it.
    full : float
        The code of white; another tool may have saved the picture with 8 bits.

    Returns
    -------
    ndarray
        (H, W); NaN where unknown. float32 for kind "inverse"; float64 for kind "depth", which is
        still to be inverted.
    """
    first, last = scale.codes()
    known = np.arange(int(full) + 1)  # every code there is: fewer than pixels
    shares = np.clip((known * (_WHITE / full) - first) / (last - first), 0, 1)
    values = scale.low * (1 - shares) + scale.high * shares  # exact at both ends
    if scale.unknown is not None:
        values[0] = np.nan
    if scale.infinite is not None:
        values[-1] = np.inf
    with np.errstate(over="ignore"):
        table: NDArray[np.floating[Any]] = (
            values.astype(np.float32) if scale.kind == "inverse" else values
        )
    return table.take(codes)  # twice as fast as by brackets


def scale_of_text(text: Mapping[str, str]) -> Scale | None:
    """Return the scale that PNG text chunks hold, or None if they hold none.

    Raises
    ------
    ValueError
        If there is one, but it makes no sense.
    """
    kind = text.get(_PREFIX + "kind")
    if kind is None:
        return None
    try:
        low, high = (float(text.get(_PREFIX + key, "nan")) for key in ("low", "high"))
    except ValueError:
        low, high = math.nan, math.nan
    if kind not in ("inverse", "depth") or not -math.inf < low <= high < math.inf:
        raise ValueError("the depth scale in the text chunks is damaged")
    unknown = 0 if _PREFIX + "unknown" in text else None
    return Scale(kind, low, high, unknown, _WHITE if _PREFIX + "infinite" in text else None)
