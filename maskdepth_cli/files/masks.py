"""Masks and instance maps: files to `Mask` and `InstanceMap` arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files import exr
from maskdepth_cli.files.arrays import is_array_file, read_array
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.png import encode_gray16
from maskdepth_cli.files.rasters import Raster, read_raster, single_channel
from maskdepth_cli.files.sniffing import sniff
from maskdepth_cli.types import InstanceMap, Mask

_LARGEST_ID = np.iinfo(np.int32).max
_WHITE = 65535
_OVERSHOOT = 0.02


def read_mask(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Mask:
    """Read a hard or soft mask, 1 = object.

    From a picture: the alpha channel if there is one that is not constant, else the gray values,
    scaled by the white of their type; integer files that hold nothing but 0 and 1 are taken as
    they are. From ``.npy`` or ``.npz``: bool, integers by the same rule, or floats in [0, 1].

    Parameters
    ----------
    path : str or Path
        The file.
    max_megapixels : float
        Larger files are refused before they are decoded.

    Returns
    -------
    Mask
        float32 (H, W) in [0, 1].

    Raises
    ------
    InputFileError
        If it cannot be read, is a colour picture, or holds values outside [0, 1].
    """
    path = Path(path)
    if is_array_file(path):
        values = read_array(path, key="mask", max_megapixels=max_megapixels)
        return scaled_mask(values, _white(values), path)
    if is_exr_file(path):
        return _matte(path, max_megapixels)
    raster = read_raster(path, max_megapixels)
    alpha = raster.alpha
    if alpha is not None and (alpha != alpha[0, 0]).any():
        if raster.extras > 1:
            raise InputFileError(
                f"{shown(path)}: {raster.extras} channels beside its colours, none of them called "
                "alpha; keep the one that is the mask"
            )
        return scaled_mask(alpha, raster.white, path)
    gray = single_channel(raster)
    if gray is None and raster.palette is not None and raster.colour.max() <= 1:
        gray = raster.colour
    if gray is None:
        raise InputFileError(
            f"{shown(path)}: a colour picture without alpha is no mask; save it as gray, or pass "
            "maps of several objects with --instances"
        )
    return scaled_mask(gray, raster.white, path)


def is_exr_file(path: Path) -> bool:
    """Tell whether the content is that of an OpenEXR file."""
    with open_file(path) as stream:
        return sniff(stream, path) == "EXR"


def _matte(path: Path, max_megapixels: float) -> Mask:
    """Read a matte of an OpenEXR file; filters of compositors overshoot a little."""
    with open_file(path) as stream:
        matte = exr.read_matte(stream, path, max_megapixels)
    if matte.dtype.kind == "f":
        within = (matte >= -_OVERSHOOT) & (matte <= 1 + _OVERSHOOT)
        matte = np.where(within, np.clip(matte, 0, 1), matte)
    return scaled_mask(matte, _white(matte), path)


def _white(values: NDArray[Any]) -> float:
    return float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else 1.0


def scaled_mask(values: NDArray[Any], full: float, path: Path) -> Mask:
    """Return values of which `full` is white as a mask; integers of 0 and 1 alone as they are.

    Raises
    ------
    InputFileError
        If a value is not within 0 and `full`.
    """
    if values.dtype.kind in "iu" and values.max() <= 1:
        full = 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        mask = np.divide(values, np.float32(full), dtype=np.float32)
    if not (mask.min() >= 0 and mask.max() <= 1):  # false with a NaN
        raise InputFileError(f"{shown(path)}: mask values must be finite and within 0 and 1")
    return np.ascontiguousarray(mask)


def write_mask(path: str | Path, mask: Mask, made_by: str = "") -> None:
    """Write a mask as a gray PNG of 16 bits; the target is replaced in one step or left as it was.

    Parameters
    ----------
    path : str or Path
        The target.
    mask : Mask
        (H, W) in [0, 1]; read back within 1 / 131070, and exactly where it came from 8 bits.
    made_by : str
        The network that made it, kept as the text `maskdepth.mask`.

    Raises
    ------
    OutputError
        If the target cannot be written.
    """
    codes = np.rint(mask * np.float32(_WHITE)).astype(np.uint16)
    with atomic_write(path) as temporary:
        temporary.write_bytes(encode_gray16(codes, {"maskdepth.mask": made_by} if made_by else {}))


def read_instance_map(
    path: str | Path,
    *,
    panoptic: bool | Literal["auto"] = "auto",
    max_megapixels: float = MAX_MEGAPIXELS,
) -> InstanceMap:
    """Read a map of instance ids.

    Gray pictures of up to 16 bits and ``.npy``, ``.npz`` or TIFF integers hold ids as they are;
    palette pictures hold them as indices, whatever the colours. RGB pictures are COCO panoptic
    maps, id = R + 256 G + 65536 B (panopticapi's ``rgb2id``). Ids of 0 and below mean no instance.

    Parameters
    ----------
    path : str or Path
        The file.
    panoptic : bool or "auto"
        Whether an RGB picture is a panoptic map; "auto" takes it as one unless its three channels
        are equal everywhere (a gray map saved as RGB).
    max_megapixels : float
        Larger files are refused before they are decoded.

    Returns
    -------
    InstanceMap
        int32 (H, W), 0 = no instance.

    Raises
    ------
    InputFileError
        If it cannot be read, or its values are no ids.
    """
    path = Path(path)
    if is_array_file(path):
        return _ids(read_array(path, key="instances", max_megapixels=max_megapixels), path)
    if is_exr_file(path):
        with open_file(path) as stream:
            return _ids(exr.read_ids(stream, path, max_megapixels), path)
    raster = read_raster(path, max_megapixels)
    if raster.lossy:
        raise InputFileError(f"{shown(path)}: lossy compression changes ids; save the map as PNG")
    if raster.palette is not None or raster.colour.ndim == 2:
        return _ids(raster.colour, path)
    gray = single_channel(raster)
    if panoptic is True or (panoptic == "auto" and gray is None):
        return _panoptic_ids(raster, path)
    if gray is None:
        raise InputFileError(
            f"{shown(path)}: an instance map must have one channel, unless it is a panoptic map"
        )
    return _ids(gray, path)


def _panoptic_ids(raster: Raster, path: Path) -> InstanceMap:
    if raster.colour.dtype != np.uint8:
        raise InputFileError(f"{shown(path)}: a panoptic map must have 8 bits a channel")
    ids: InstanceMap = raster.colour.astype(np.int32) @ np.array([1, 256, 65536], np.int32)
    return ids


def _ids(values: NDArray[Any], path: Path) -> InstanceMap:
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values % 1 == 0).all()):
        raise InputFileError(f"{shown(path)}: instance ids must be whole numbers")
    if values.max() > _LARGEST_ID:
        raise InputFileError(f"{shown(path)}: instance ids must be below 2^31")
    return np.ascontiguousarray(np.maximum(values, 0).astype(np.int32))
