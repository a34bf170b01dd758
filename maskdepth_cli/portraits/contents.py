"""What a photo's file holds beside the photo: depth, mattes, and what is not usable of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.files import libraries, png
from maskdepth_cli.files.limits import check_size
from maskdepth_cli.portraits.scale import Scale

Container: TypeAlias = Literal["HEIF", "MPO", "GDepth", "Dynamic Depth"]
Samples: TypeAlias = NDArray[Any]
_LOSSY = 3  # by how much the channels of a gray JPEG differ


@dataclass(frozen=True)
class StoredMap:
    """One map, decoded when it is asked for.

    Attributes
    ----------
    decode : callable
        Takes the limit in megapixels; gives (H, W) samples, turned as the photo is displayed, and
        the value of white.
    scale : Scale or None
        What the samples of a depth map mean; None for a matte.
    """

    decode: Callable[[float], tuple[Samples, float]]
    scale: Scale | None = None


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes
    ----------
    container : str
        The layout it has, or would get.
    depth : StoredMap or None
        Disparity or depth.
    mattes : mapping of str to StoredMap
        By name, one of `choices.Matte`.
    problems : tuple of str
        What is there and cannot be used, and why.
    """

    container: Container
    depth: StoredMap | None = None
    mattes: Mapping[str, StoredMap] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def decode_gray(data: bytes, path: Path, max_megapixels: float) -> tuple[Samples, float]:
    """Decode a JPEG or PNG of one channel.

    Returns
    -------
    samples : ndarray
        (H, W), as stored.
    white : float
        255, or 65535 for PNGs of 16 bits.

    Raises
    ------
    ValueError
        If it is neither, or has colours.
    """
    libraries.pillow()
    from PIL import JpegImagePlugin, PngImagePlugin

    plugin: Any = PngImagePlugin.PngImageFile
    if not data.startswith(png.SIGNATURE):
        plugin = JpegImagePlugin.JpegImageFile
    with plugin(io.BytesIO(data)) as image:
        width, height = image.size
        check_size(path, width, height, max_megapixels)
        if not image.mode.startswith("I") and image.mode not in ("L", "RGB"):
            image = image.convert("RGB")
        samples = np.asarray(image)
    if samples.ndim == 3:
        first = samples[..., :1].astype(np.int16)
        if (np.abs(samples.astype(np.int16) - first) > _LOSSY).any():
            raise ValueError("an embedded map has colours")
        samples = np.ascontiguousarray(samples[..., 0])
    return samples, 255.0 if samples.dtype == np.uint8 else 65535.0
