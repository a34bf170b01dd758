"""Masks and instance maps: files to `Mask` and `InstanceMap` arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import holds_units
from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files import exr
from maskdepth_cli.files.arrays import is_array_file, read_array
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.mask_rules import (
    AS_WRITTEN,
    TRIMAP,
    UNIT_CODES,
    VOC_VOID,
    VOID,
    WHITE_ID,
    WHITE_IDS,
    MaskRules,
)
from maskdepth_cli.files.mask_samples import alpha_mask, is_trimap, without_void
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.png import encode_gray16
from maskdepth_cli.files.rasters import Raster, read_raster, single_channel
from maskdepth_cli.files.sniffing import sniff
from maskdepth_cli.types import InstanceMap, Mask

_WHITE = 65535
_OVERSHOOT = 0.02
_LARGEST_ID = np.iinfo(np.int32).max


def read_mask(
    path: str | Path,
    *,
    rules: MaskRules = AS_WRITTEN,
    note: Callable[[str], object] = bool,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> Mask:
    """Read a hard or soft mask, 1 = object.

    From a picture: the alpha channel if there is one that is not constant, else the gray values,
    scaled by the white of their type; integer files that hold nothing but 0 and 1 are taken as
    they are. Black and white with a few transparent pixels is a gray mask. From ``.npy`` or
    ``.npz``: bool, integers by the same rule, or floats in [0, 1].

    Parameters
    ----------
    path : str or Path
        The file.
    rules : MaskRules
        What of it is the mask, where that is told; `invert` is the caller's.
    note : callable
        Told what is odd: `mask_rules.UNIT_CODES`, `mask_rules.TRIMAP`.
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
    scaled = partial(scaled_mask, path=path, levels=rules.levels, note=note)
    if is_array_file(path):
        values = read_array(path, key="mask", max_megapixels=max_megapixels)
        return scaled(values, _white(values))
    if is_exr_file(path):
        return _matte(path, max_megapixels)
    return mask_of(read_raster(path, max_megapixels), path, rules=rules, note=note)


def mask_of(
    raster: Raster,
    path: Path,
    *,
    rules: MaskRules = AS_WRITTEN,
    note: Callable[[str], object] = bool,
) -> Mask:
    """Take a decoded picture as a mask, as `read_mask` does.

    Raises
    ------
    InputFileError
        It is a colour picture, or holds values outside [0, 1].
    """
    alpha = alpha_mask(raster, rules, path)
    if alpha is not None:
        return scaled_mask(alpha, raster.white, path)
    gray = single_channel(raster)
    if gray is None and raster.palette is not None and raster.colour.max() <= 1:
        gray = raster.colour
    if gray is None:
        raise InputFileError(
            f"{shown(path)}: a colour picture without alpha is no mask; save it as gray, or pass "
            "maps of several objects with --instances"
        )
    return scaled_mask(gray, raster.white, path, levels=rules.levels, note=note)


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


def scaled_mask(
    values: NDArray[Any],
    full: float,
    path: Path,
    *,
    levels: int | None = None,
    note: Callable[[str], object] = bool,
) -> Mask:
    """Return values of which `full` is white as a mask; integers of 0 and 1 alone as they are.

    With `levels`, that is the white of whole numbers, whatever their type. `note` is told of 0 and
    1 and of trimaps.

    Raises
    ------
    InputFileError
        If a value is not within 0 and `full`.
    """
    if values.dtype.kind in "iu" and full > 1:
        if levels is not None:
            full = float(levels)
        elif holds_units(values):
            if values.max() == 1:
                note(UNIT_CODES)
            full = 1.0
        if is_trimap(values, full):
            note(TRIMAP)
        if levels is not None and values.max() > full:
            raise InputFileError(
                f"{shown(path)}: holds {values.max()}, above the white of --mask-levels {levels}"
            )
    with np.errstate(over="ignore", invalid="ignore"):
        mask = np.divide(values, np.float32(full), dtype=np.float32)
    if not (mask.min() >= 0 and mask.max() <= 1):  # false with a NaN
        raise InputFileError(
            f"{shown(path)}: mask values must be finite and within 0 and 1; divide them by their "
            "white, or save whole numbers"
        )
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
    void: int | None = None,
    note: Callable[[str], object] = bool,
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
    void : int, optional
        The number of pixels that are neither object nor background, see
        `mask_rules.without_void`; -1: none; by default 255 in palette pictures, as VOC has it.
    note : callable
        Told of `mask_rules.VOID` where that convention was used, of `mask_rules.WHITE_ID` where it
        may have been meant: 255 or 65535 among small numbers.
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
    ids, from_palette = _stored_ids(path, panoptic, max_megapixels)
    top = int(ids.max())
    if void is None and top in WHITE_IDS:
        if from_palette:
            note(VOID)
            void = VOC_VOID
        elif 0 < ids[ids != top].max(initial=0) < top // 2:
            note(WHITE_ID)
    return ids if void is None or void < 0 else without_void(ids, void)


def _stored_ids(
    path: Path, panoptic: bool | Literal["auto"], max_megapixels: float
) -> tuple[InstanceMap, bool]:
    """Return the ids of a file, and whether they are indices of a palette."""
    if is_array_file(path):
        ids = read_array(path, key="instances", max_megapixels=max_megapixels)
        return _ids(ids, path), False
    if is_exr_file(path):
        with open_file(path) as stream:
            return _ids(exr.read_ids(stream, path, max_megapixels), path), False
    raster = read_raster(path, max_megapixels)
    if raster.lossy:
        raise InputFileError(f"{shown(path)}: lossy compression changes ids; save the map as PNG")
    if raster.palette is not None or raster.colour.ndim == 2:
        return _ids(raster.colour, path), raster.palette is not None
    gray = single_channel(raster)
    if panoptic is True or (panoptic == "auto" and gray is None):
        return _panoptic_ids(raster, path), False
    if gray is None:
        raise InputFileError(
            f"{shown(path)}: an instance map must have one channel, unless it is a panoptic map"
        )
    return _ids(gray, path), False


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
