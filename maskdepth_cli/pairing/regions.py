"""Outlines and run lengths to masks, through `pycocotools`; checked before it sees them.

It takes run lengths that end early for a mask with whatever was in memory, and hours over a corner
that is not a number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.names import shown
from maskdepth_cli.types import Mask

Polygon = Sequence[float]
"""x0, y0, x1, y1, ... in pixels."""

_BEYOND = 1.0  # of a side, by which a corner may lie outside of the picture
_LONGEST_OUTLINE = 4_000_000  # pixels
_FEWEST = 6  # numbers of a triangle
_LONGEST_RUN = 35  # bits


@dataclass(frozen=True)
class Patch:
    """A small mask (h, w) whose upper left pixel lies at `left`, `top` of the picture."""

    pixels: NDArray[np.bool_]
    left: int
    top: int


def check_library(path: Path) -> None:
    """Refuse annotations where the package that reads them is missing.

    Raises
    ------
    InputFileError
        Saying what to install.
    """
    if find_spec("pycocotools") is None:
        raise InputFileError(
            f"{shown(path)}: annotations need a library that is not installed: "
            "pip install 'maskdepth[coco]'"
        )


def region_mask(shapes: Sequence[Any], height: int, width: int) -> Mask:
    """Return what shapes cover together.

    Parameters
    ----------
    shapes
        Of an object: polygons (`Polygon`), run lengths as COCO has them (``{"size": [h, w],
        "counts": ...}``, compressed or not), and `Patch`.
    height, width
        Of the picture.

    Returns
    -------
    Mask
        float32 (H, W), 0 or 1.

    Raises
    ------
    ValueError
        If a shape is malformed or of another size.
    """
    from pycocotools import mask as library

    covered = np.zeros((height, width), np.bool_)
    polygons = [shape for shape in shapes if not isinstance(shape, dict | Patch)]
    runs = [_runs(shape, height, width) for shape in shapes if isinstance(shape, dict)]
    if polygons:
        runs += library.frPyObjects([_checked(p, height, width) for p in polygons], height, width)
    if runs:
        covered = library.decode(library.merge(runs)).astype(np.bool_)
    for patch in shapes:
        if isinstance(patch, Patch):
            _paint(covered, patch)
    return np.ascontiguousarray(covered, np.float32)


def _runs(shape: dict[str, Any], height: int, width: int) -> Any:
    """Return run lengths as the library takes them, their sum checked."""
    from pycocotools import mask as library

    counts = shape.get("counts")
    if list(shape.get("size", ())) != [height, width]:
        raise ValueError(f"a mask of size {shape.get('size')} in a picture of {height}x{width}")
    if isinstance(counts, list):
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError("run lengths that are no numbers")
        total = sum(counts)
    elif isinstance(counts, str):
        total = _total(counts.encode())
    else:
        raise ValueError("a mask without run lengths")
    if total != height * width:
        raise ValueError(f"run lengths of {total} pixels in a picture of {height * width}")
    if isinstance(counts, list):
        return library.frPyObjects(shape, height, width)
    return {"size": [height, width], "counts": counts}


def _total(counts: bytes) -> int:
    """Add up compressed run lengths: 5 bits a character, from the fourth run on differences."""
    runs: list[int] = []
    value = shift = 0
    for byte in counts:
        code = byte - 48
        if not 0 <= code < 64 or shift > _LONGEST_RUN:
            raise ValueError("run lengths that are damaged")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            raise ValueError("run lengths that are damaged")
        runs.append(value)
        value = shift = 0
    return sum(runs)


def _checked(polygon: Any, height: int, width: int) -> list[float]:
    """Return a polygon's numbers; a picture's size bounds what the library does with them."""
    if not isinstance(polygon, list | tuple) or len(polygon) < _FEWEST or len(polygon) % 2:
        raise ValueError("a polygon needs three corners or more")
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in polygon):
        raise ValueError("a polygon with corners that are no numbers")
    corners = np.array(polygon, np.float64).reshape(-1, 2)
    sides = np.array([width, height])
    if (corners < -_BEYOND * sides).any() or (corners > (1 + _BEYOND) * sides).any():
        raise ValueError(f"a polygon far outside of a picture of {width}x{height}")
    closed = np.vstack([corners, corners[:1]])
    if np.abs(np.diff(closed, axis=0)).max(1).sum() > _LONGEST_OUTLINE:
        raise ValueError("an absurdly long outline")
    return [float(number) for number in polygon]


def _paint(covered: NDArray[np.bool_], patch: Patch) -> None:
    """Add a patch where it lies within the picture."""
    height, width = covered.shape
    top, left = max(patch.top, 0), max(patch.left, 0)
    bottom = min(patch.top + patch.pixels.shape[0], height)
    right = min(patch.left + patch.pixels.shape[1], width)
    if top < bottom and left < right:
        part = patch.pixels[
            top - patch.top : bottom - patch.top, left - patch.left : right - patch.left
        ]
        covered[top:bottom, left:right] |= part
