"""How a photo becomes a network's input: sizes, interpolation, normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from maskdepth_cli.arrays import resize_photo
from maskdepth_cli.types import Photo

if TYPE_CHECKING:
    from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


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


PREPROCESSING = {
    "lite": Preprocessing(384, "upper_bound", HALF, HALF, interpolation="area"),
    "dpt-large": Preprocessing(384, "minimal", HALF, HALF),
    "dpt-hybrid": Preprocessing(384, "minimal", HALF, HALF),
    "midas-v2.1": Preprocessing(384, "upper_bound", IMAGENET_MEAN, IMAGENET_STD),
    "midas-v2.1-small": Preprocessing(256, "upper_bound", IMAGENET_MEAN, IMAGENET_STD),
}
"""How photos enter the networks of this package, by the `loader` of a registry entry."""
