"""How the numbers of a depth file stand for values: a line, with numbers set aside for unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import DepthKind

WHITE = 65535
_PREFIX = "maskdepth."


@dataclass(frozen=True)
class Scale:
    """``value = offset + step * number``; files of floats hold the values themselves.

    Nothing in it comes from the values of a frame: the same number means the same in all of them.

    Attributes
    ----------
    kind : DepthKind
        What the values mean.
    offset, step : float
        The value of code 0, and by how much that of the next one is larger.
    unknown : float or None
        The number of unknown pixels; not finite numbers always mean unknown.
    infinite : int or None
        The code of infinitely far pixels of kind ``depth``.
    alpha : bool
        Whether unknown pixels are told by transparency.
    """

    kind: DepthKind
    offset: float = 0.0
    step: float = 1.0
    unknown: float | None = None
    infinite: int | None = None
    alpha: bool = False

    def record(self) -> dict[str, Any]:
        """Return what is set, as plain data."""
        facts = {
            key: value
            for key, value in asdict(self).items()
            if not (value is None or value is False)
        }
        if isinstance(unknown := facts.get("unknown"), float) and unknown.is_integer():
            facts["unknown"] = int(unknown)
        return {"offset": self.offset} | facts

    def values(self, codes: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Return the values of 16-bit codes (H, W), NaN where unknown.

        float32, but float64 for kind ``depth``, which is still to be inverted.
        """
        table = self.offset + np.arange(WHITE + 1) * self.step  # fewer than pixels
        if self.unknown is not None and 0 <= self.unknown <= WHITE:
            table[round(self.unknown)] = np.nan
        if self.infinite is not None:
            table[self.infinite] = np.inf
        with np.errstate(over="ignore"):
            chosen = table if self.kind == "depth" else table.astype(np.float32)
        return cast(NDArray[np.floating[Any]], chosen.take(codes))

    def codes(self, values: NDArray[np.float32]) -> tuple[NDArray[np.uint16], int]:
        """Return the nearest codes of values, and how many values lie beyond them.

        What is beyond takes the last code on its side. No known value takes the code that means
        unknown, but the one beside it; unknown values take that code.
        """
        places = (values.astype(np.float64) - self.offset) / self.step
        last = WHITE - (self.infinite is not None)
        with np.errstate(invalid="ignore"):
            codes = np.rint(places)
            inside = codes.min(initial=last) >= 0 and codes.max(initial=0) <= last
            if inside and (self.unknown is None or not (codes == self.unknown).any()):
                return codes.astype(np.uint16), 0  # as nearly always, in a third of the time
            known = ~np.isnan(values) if self.kind == "depth" else np.isfinite(values)
            beyond = known & ((codes < 0) | (codes > last))
            if self.infinite is not None:
                beyond &= np.isfinite(values)
            codes = np.where(known, np.clip(codes, 0, last), self.unknown or 0)
            if self.infinite is not None:
                codes[np.isposinf(values)] = self.infinite
            if self.unknown is not None:
                taken = known & (codes == self.unknown)
                up = (places > self.unknown) | (self.unknown <= 0)
                beside = np.where(up & (self.unknown < last), codes + 1, codes - 1)
                codes = np.where(taken, beside, codes)
        return codes.astype(np.uint16), int(np.count_nonzero(beyond))


def scale_of_text(text: Mapping[str, str]) -> Scale | None:
    """Return the scale that PNG text chunks hold, or None if they hold none.

    Raises
    ------
    ValueError
        If there is one, but it makes no sense.
    """
    facts = {key[len(_PREFIX) :]: value for key, value in text.items() if key.startswith(_PREFIX)}
    return scale_of_facts(facts) if "kind" in facts else None


def scale_of_facts(facts: Mapping[str, Any]) -> Scale:
    """Return the scale that a file's facts hold.

    Raises
    ------
    ValueError
        If they make no sense.
    """
    kind = facts["kind"]
    try:
        if "low" in facts or "step" not in facts:
            scale = _spread(facts)
        else:
            infinite = facts.get("infinite")
            scale = Scale(
                kind,
                float(facts.get("offset", 0)),
                float(facts["step"]),
                float(facts["unknown"]) if "unknown" in facts else None,
                None if infinite is None else int(infinite),
            )
    except (KeyError, TypeError, ValueError, OverflowError):
        scale = Scale("inverse", step=math.nan)
    sound = math.isfinite(scale.offset) and math.isfinite(scale.step) and scale.step > 0
    if kind not in get_args(DepthKind) or not sound or scale.infinite not in (None, WHITE):
        raise ValueError("the depth scale in the text chunks is damaged")
    return scale


def _spread(facts: Mapping[str, Any]) -> Scale:
    """Return the scale of earlier versions: the values of the lowest and the highest free code."""
    low, high = float(facts["low"]), float(facts["high"])
    if not low <= high:
        raise ValueError("not a range")
    first, last = int("unknown" in facts), WHITE - int("infinite" in facts)
    step = (high - low) / (last - first) or 1.0  # of a constant map only one code is used
    return Scale(
        facts["kind"],
        low - first * step,
        step,
        0 if first else None,
        WHITE if last < WHITE else None,
    )
