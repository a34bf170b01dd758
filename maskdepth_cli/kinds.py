"""What the numbers of a depth map mean: from each kind to inverse depth and back, declared once.

``inverse``: larger is nearer; worked on as it is. ``depth``: distances; 1/d. ``far``: larger is
farther, scale and shift unknown; its negative, since 1/d would take the shift for a distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.types import InverseDepth


def inverse_of(values: NDArray[Any], kind: DepthKind) -> InverseDepth:
    """Return what is worked on in place of a map's values.

    Parameters
    ----------
    values : ndarray
        (H, W) of any number type.
    kind : DepthKind
        What they mean.

    Returns
    -------
    InverseDepth
        float32, larger is nearer. Of ``depth``: 1/d for d > 0, so 0 for infinity, NaN elsewhere.
    """
    if kind == "depth":
        return _reciprocals(values, values > 0)
    inverse = _as_float32(values)
    return -inverse if kind == "far" else inverse


def values_of(inverse: InverseDepth, kind: DepthKind) -> NDArray[np.float32]:
    """Return inverse depth as values of a kind; `inverse_of` the other way round.

    Of ``depth``: 1/x for finite x > 0, infinity for 0, and NaN elsewhere.
    """
    inverse = _as_float32(np.asarray(inverse))
    if kind == "depth":
        depth = _reciprocals(inverse, np.isfinite(inverse) & (inverse > 0))
        depth[inverse == 0] = np.inf
        return depth
    return -inverse if kind == "far" else inverse


def _as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32, copy=False)


def _reciprocals(values: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    result = np.full(values.shape, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide(1.0, values.astype(np.float64), out=result, where=where)
    return _as_float32(result)
