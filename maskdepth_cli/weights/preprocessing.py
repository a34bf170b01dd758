"""How a photo becomes a network's input: sizes, interpolation, normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import Image, Photo

if TYPE_CHECKING:
    from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
_AT_ONCE = 1 << 23  # samples of a photo that are converted together


class Preparation(Protocol):
    """Turns a photo into a network's input; inputs of equal shape may share a batch."""

    def __call__(self, image: Photo) -> Tensor:
        """Prepare (H, W, 3) in [0, 1]; returns (3, h, w) float32."""


@dataclass(frozen=True)
class Preprocessing:
    """Resize, keeping the aspect ratio up to the multiple, and normalise.

    Parameters
    ----------
    size
        Side that both sides are scaled to.
    method
        ``upper_bound``: neither side exceeds ``size``. ``minimal``: the side that needs less
        scaling becomes ``size``; the other may exceed it.
    mean, std
        Per channel, RGB.
    multiple
        Both sides are multiples of this.
    interpolation
        ``cubic`` is the rule of MiDaS and DPT; ``area`` averages where it shrinks.

    References
    ----------
    ``Resize`` of isl-org/MiDaS (midas/transforms.py) with ``keep_aspect_ratio``, and the settings
    per model of its model_loader.py.
    """

    size: int
    method: Literal["upper_bound", "minimal"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    multiple: int = 32
    interpolation: Literal["cubic", "area"] = "cubic"

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which a photo of this size enters the network.

        At least one multiple each, where the published rule would give 0.
        """
        along_y, along_x = self.size / height, self.size / width
        if self.method == "upper_bound":
            scale = min(along_y, along_x)
        else:
            scale = along_x if abs(1 - along_x) < abs(1 - along_y) else along_y
        return self._rounded(scale * height), self._rounded(scale * width)

    def __call__(self, image: Photo) -> Tensor:
        """Prepare (H, W, 3) in [0, 1]; returns (3, h, w) float32, normalised."""
        import torch

        size = self.network_size(image.shape[0], image.shape[1])
        resized = resize_photo(image, size, self.interpolation)
        normalised = (resized - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))

    def _rounded(self, side: float) -> int:
        multiples = round(side / self.multiple)  # half to even, as numpy's
        if self.method == "upper_bound" and multiples * self.multiple > self.size:
            multiples = int(side // self.multiple)
        return max(multiples, 1) * self.multiple


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
