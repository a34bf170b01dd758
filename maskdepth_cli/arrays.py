"""What every room does with arrays: resize them, go through them in strips, ask for their range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import Image, Photo

_AT_ONCE = 1 << 23  # samples of a photo that are converted together


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


def resize(
    array: NDArray[np.float32], shape: tuple[int, int], interpolation: str
) -> NDArray[np.float32]:
    """Resize (H, W) or (H, W, C) to (height, width).

    ``area`` averages, by halves as far as that goes, since OpenCV does these ten times as fast; it
    means linear where it grows.
    """
    import cv2

    mode = cv2.INTER_CUBIC
    if interpolation == "area":
        array, mode = _halved(array, shape), cv2.INTER_LINEAR
        # One side at a time: where the other grows, OpenCV would skip pixels.
        height, width = (min(sides) for sides in zip(array.shape, shape, strict=False))
        if (height, width) != array.shape[:2]:
            array = cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)
    if array.shape[:2] == shape:
        return array
    return np.asarray(cv2.resize(array, shape[::-1], interpolation=mode), np.float32)


def _halved(array: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Average squares of four pixels while what is left is not smaller than ``shape``."""
    import cv2

    height, width = array.shape[:2]
    while height % 2 == width % 2 == 0 and height >= 2 * shape[0] and width >= 2 * shape[1]:
        height, width = height // 2, width // 2
        array = cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)
    return array


def white(photo: Photo) -> np.float32:
    """Return the value of white in a photo: 1, 255 or 65535."""
    return np.float32(1 if photo.dtype.kind == "f" else 256**photo.dtype.itemsize - 1)


def holds_units(codes: NDArray[Any]) -> bool:
    """Tell whether a mask's whole numbers are 0 and 1 themselves: nothing is above 1."""
    return bool(codes.max(initial=0) <= 1)


def as_image(photo: Photo) -> Image:
    """Return a photo's samples in [0, 1]."""
    if photo.dtype.kind == "f":
        return np.asarray(photo, np.float32)
    return np.divide(photo, white(photo), dtype=np.float32)


def resize_photo(photo: Photo, shape: tuple[int, int], interpolation: str) -> Image:
    """Resize (H, W, 3) to (height, width) in [0, 1], as `resize` of its samples divided by white.

    Stored samples are halved as they are, to whole numbers, and those of a photo that is large
    even then are converted channel by channel, so that the whole of it never is in memory.
    """
    if photo.dtype.kind == "f":
        return resize(np.asarray(photo, np.float32), shape, interpolation)
    if interpolation == "area":
        photo = _halved(photo, shape)
    if photo.size <= _AT_ONCE:
        return resize(np.divide(photo, white(photo), dtype=np.float32), shape, interpolation)
    channels = (np.divide(photo[..., index], white(photo), dtype=np.float32) for index in range(3))
    return np.stack([resize(channel, shape, interpolation) for channel in channels], axis=-1)
