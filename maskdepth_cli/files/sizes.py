"""The size rule: what belongs to a photo is brought to the photo's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files import libraries
from maskdepth_cli.files.names import shown

What = Literal["image", "mask", "depth", "instances"]
ASPECT_TOLERANCE = 0.02
_NAMES = {"image": "image", "mask": "mask", "depth": "depth map", "instances": "instance map"}


def match_size(
    array: NDArray[Any], size: tuple[int, int], *, what: What, path: str | Path
) -> NDArray[Any]:
    """Resize `array` to the photo's size; return it as it is if it has it already.

    Instance maps: nearest pixel. All else when shrinking: mean over the area. When growing:
    images and masks cubic, clipped to [0, 1]; depth linear. Unknown depth stays within the
    footprint of its pixels: known neighbours are averaged without it, and a pixel whose known
    neighbours weigh less than half becomes NaN.

    Parameters
    ----------
    array : ndarray
        (H, W) or (H, W, 3).
    size : tuple of int
        The photo's width and height.
    what : "image", "mask", "depth" or "instances"
        What the array is.
    path : str or Path
        Its file, for the message.

    Returns
    -------
    ndarray
        (height, width) or (height, width, 3), same type.

    Raises
    ------
    InputFileError
        If the aspect ratios differ by more than 2%.
    """
    height, width = array.shape[:2]
    if (width, height) == tuple(size):
        return array
    _check_aspect((width, height), size, what, path)
    if what == "instances":
        return _nearest(array, size)
    cv2 = libraries.opencv()
    if size[0] * size[1] < width * height:
        rule = cv2.INTER_AREA
    else:
        rule = cv2.INTER_LINEAR if what == "depth" else cv2.INTER_CUBIC
    if what == "depth":
        return _resize_known(array, size, rule)
    return np.asarray(np.clip(cv2.resize(array, size, interpolation=rule), 0, 1))


def _check_aspect(
    own: tuple[int, int], size: tuple[int, int], what: What, path: str | Path
) -> None:
    ratio = own[0] * size[1] / (own[1] * size[0])
    if max(ratio, 1 / ratio) <= 1 + ASPECT_TOLERANCE:
        return
    turned = own[1] * size[1] / (own[0] * size[0])
    hint = (
        "; it seems to lack the photo's Exif rotation: --as-stored"
        if max(turned, 1 / turned) <= 1 + ASPECT_TOLERANCE
        else f"; give the {_NAMES[what]} of this photo, not cropped"
    )
    raise InputFileError(
        f"{shown(path)}: the {_NAMES[what]} is {own[0]}x{own[1]}, its photo {size[0]}x{size[1]}: "
        f"aspect ratios differ by more than {ASPECT_TOLERANCE:.0%}{hint}"
    )


def _nearest(array: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    height, width = array.shape[:2]
    columns = (2 * np.arange(size[0]) + 1) * width // (2 * size[0])
    rows = (2 * np.arange(size[1]) + 1) * height // (2 * size[1])
    return np.ascontiguousarray(array[rows[:, None], columns])


def _resize_known(depth: NDArray[Any], size: tuple[int, int], rule: int) -> NDArray[Any]:
    cv2 = libraries.opencv()
    known = np.isfinite(depth)
    if known.all():
        return np.asarray(cv2.resize(depth, size, interpolation=rule))
    weights = cv2.resize(known.astype(np.float64), size, interpolation=rule)
    filled = np.where(known, depth, 0).astype(np.float64)
    sums = cv2.resize(filled, size, interpolation=rule)
    values = np.full(weights.shape, np.nan)
    np.divide(sums, weights, out=values, where=weights >= 0.5)
    return values.astype(depth.dtype)
