"""How the samples of an embedded map become inverse depth, and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.types import InverseDepth


@dataclass(frozen=True)
class Scale:
    """What sample 0 and white stand for; between them values are spread evenly.

    Attributes
    ----------
    kind : "inverse" or "depth"
        What the values are.
    low, high : float
        The values of sample 0 and of white.
    facts : dict of str to str
        What else the file says of the map: ``accuracy``, ``units``, ...
    """

    kind: DepthKind
    low: float
    high: float
    facts: dict[str, str] = field(default_factory=dict)

    def inverse(self, samples: NDArray[Any], white: float) -> InverseDepth:
        """Return the inverse depth of stored samples: NaN where a depth is not positive."""
        share = samples.astype(np.float64) / white
        values = self.low + share * (self.high - self.low)
        if self.kind == "inverse":
            return values.astype(np.float32)
        inverse = np.full(values.shape, np.nan)
        np.divide(1.0, values, out=inverse, where=values > 0)
        return inverse.astype(np.float32)


def google_scale(
    form: str | None, near: float | None, far: float | None, units: str | None
) -> Scale | str:
    """Return the scale of Google's formats, or what is missing.

    ``RangeLinear``: d = near + v (far - near). ``RangeInverse``: d = far near / (far - v (far -
    near)), so that 1/d runs evenly from 1/near to 1/far (the formats' chapters on encoding).
    Lengths become metres where the unit is one; dioptres are inverse depth already.
    """
    if form not in ("RangeInverse", "RangeLinear"):
        return f"its format is {form or 'not stated'}, neither RangeInverse nor RangeLinear"
    if near is None or far is None:
        return "near and far are not stated"
    if near == far or (form == "RangeInverse" and min(near, far) <= 0):
        return f"near {near:g} and far {far:g} are no range"
    facts = {"format": form, **({"units": units} if units else {})}
    if (units or "").lower() in ("diopters", "dioptres"):
        if form == "RangeInverse":
            return "the inverse of dioptres is not defined"
        return Scale("inverse", near, far, facts)
    metres = 0.001 if units == "mm" else 1.0
    near, far = near * metres, far * metres
    if form == "RangeLinear":
        return Scale("depth", near, far, facts)
    return Scale("inverse", 1 / near, 1 / far, facts)


@dataclass(frozen=True)
class Coded:
    """Inverse depth in 8 bits.

    Attributes
    ----------
    samples : ndarray
        uint8 (H, W), 255 nearest.
    low, high : float
        The values of 0 and 255.
    """

    samples: NDArray[np.uint8]
    low: float
    high: float

    def values(self) -> InverseDepth:
        """Return the inverse depth that the codes stand for."""
        return Scale("inverse", self.low, self.high).inverse(self.samples, 255.0)

    def positive(self) -> Coded:
        """Return codes whose values are all above 0, so that near and far exist.

        Relative inverse depth that reaches 0 or below gets the range of a scene between 1 and
        100: its order and proportions are kept, a unit it has none.
        """
        return self if self.low > 0 else Coded(self.samples, 0.01, 1.0)


def coded(depth: InverseDepth) -> Coded:
    """Return 8-bit codes of inverse depth; unknown pixels count as farthest."""
    known = np.isfinite(depth)
    low, high = float(depth[known].min()), float(depth[known].max())
    high = high if high > low else low + 1.0
    share = np.where(known, (depth.astype(np.float64) - low) / (high - low), 0.0)
    return Coded(np.rint(share * 255).astype(np.uint8), low, high)
