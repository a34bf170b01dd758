"""Values of a photo as linear light, and back."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

_GAMMA = 2.4
_TABLE = 1 << 16  # entries of the curves: finer than an eighth of a step of 8 bits


def to_linear(values: Values) -> Values:
    """Return sRGB values in [0, 1] as linear light (IEC 61966-2-1)."""
    curve = ((np.maximum(values, 0) + 0.055) / 1.055) ** np.float32(_GAMMA)
    return np.where(values <= 0.04045, values / np.float32(12.92), curve).astype(np.float32)


def from_linear(light: Values) -> Values:
    """Return linear light in [0, 1] as sRGB values, the inverse of `to_linear`."""
    curve = 1.055 * np.maximum(light, 0) ** np.float32(1 / _GAMMA) - 0.055
    return np.where(light <= 0.0031308, light * np.float32(12.92), curve).astype(np.float32)


def looked_up_linear(values: Values) -> Values:
    """Return what `to_linear` does of values of any shape, to a 65535th, from a table."""
    return _curves()[0][_entries(values)]


def looked_up_encoded(light: Values) -> Values:
    """Return what `from_linear` does of light of any shape, to a 65535th, from a table."""
    return _curves()[1][_entries(light)]


@cache
def _curves() -> tuple[Values, Values]:
    steps = np.linspace(0, 1, _TABLE, dtype=np.float32)
    return to_linear(steps), from_linear(steps)


def _entries(values: Values) -> NDArray[np.uint16]:
    scaled = np.clip(values, 0, 1)
    scaled *= np.float32(_TABLE - 1)
    return np.rint(scaled, out=scaled).astype(np.uint16)
