"""From the caller's arrays to what the network sees: the working size and the range [0, 10]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from maskdepth_cli.arrays import resize, value_range
from maskdepth_cli.networks.completion import push_pull
from maskdepth_cli.networks.config import DEPTH_RANGE, STRIDE
from maskdepth_cli.types import InverseDepth

_SUMMABLE = 1e30  # values below it can be averaged in float32 before they are scaled


@dataclass(frozen=True)
class Scaled:
    """The initial depth without gaps at working size, and the map back."""

    small: InverseDepth  # (h, w) in [0, 10]
    low: float  # the caller's value of 0
    unit: float  # of the caller's units per 1/10 of the range


def scale(
    depth: InverseDepth, size: tuple[int, int], whole_range: tuple[float, float] | None = None
) -> Scaled | None:
    """Bring the known depth to [0, 10] and fill its gaps; None where it is constant or unknown.

    `whole_range` is what becomes 0 and 10 where that is not the map's own range.
    """
    known = np.isfinite(depth)
    if not known.any():
        return None
    whole = bool(known.all())
    low, high = value_range(depth, known)
    if not high > low:
        return None
    low, high = whole_range or (low, high)
    unit = (high - low) / DEPTH_RANGE
    if not unit > 0:
        return None
    if whole and max(high, -low) < _SUMMABLE:
        small = (resize(depth, size, "area") - np.float32(low)) / np.float32(unit)
        return Scaled(small, low, unit)
    scaled = (np.where(known, depth, np.float32(low)) - np.float32(low)) / np.float32(unit)
    if not whole:
        filled = push_pull(
            torch.from_numpy(scaled)[None, None], torch.from_numpy(known)[None, None].float()
        )
        scaled = filled[0, 0].numpy()
    return Scaled(resize(scaled, size, "area"), low, unit)


def working_size(shape: tuple[int, ...], longest: int) -> tuple[int, int]:
    """Size at which layers are predicted: at most ``longest``, then multiples of 32.

    An image that is already small enough keeps its own size; the network pads it.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    longest : int
        Bound of the long side, 32 or more.

    Returns
    -------
    tuple of int
        Height and width.
    """
    height, width = shape[:2]
    if max(height, width) <= longest:
        return height, width
    longest = max(longest // STRIDE, 1) * STRIDE
    factor = longest / max(height, width)
    return tuple(max(round(side * factor / STRIDE), 1) * STRIDE for side in (height, width))  # type: ignore[return-value]
