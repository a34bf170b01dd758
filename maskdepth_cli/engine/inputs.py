"""What callers give, as the engine's arrays: numpy, PIL pictures and tensors; or one clear line.

Tensors are any objects with ``detach``, ``cpu`` and ``numpy``: torch is not needed to know them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import holds_units, white
from maskdepth_cli.errors import ArrayError
from maskdepth_cli.types import InstanceMap, InverseDepth, Mask, Photo

ROUNDING = 1e-4  # by which a value may lie outside of [0, 1] after resampling in float32

Maps: TypeAlias = Any
"""An array, a PIL picture or a tensor."""


def as_photo(photo: Maps, *, name: str = "image") -> Photo:
    """Return a photo as an array (H, W, 3).

    Parameters
    ----------
    photo
        (H, W, 3) or (1, H, W, 3) in [0, 1], or uint8 or uint16; a tensor also (3, H, W) or
        (1, 3, H, W); a PIL picture of any mode.
    name : str
        What messages call it.

    Raises
    ------
    ArrayError
        Another shape or type, or values outside of [0, 1].
    """
    array = _array(photo.convert("RGB") if _is_picture(photo) else photo, name)
    shape = array.shape
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] == 3 != array.shape[2] and _is_tensor(photo):
        array = array.transpose(1, 2, 0)
    if array.ndim == 4:
        raise ArrayError(f"{name}: a batch of {len(array)}, {shape}; refine its photos one by one")
    if array.ndim != 3 or array.shape[2] != 3:
        raise ArrayError(f"{name}: shape {shape} is not (H, W, 3); give RGB without alpha")
    if array.dtype in (np.uint8, np.uint16):
        return array
    if array.dtype.kind != "f":
        raise ArrayError(f"{name}: {array.dtype} samples; give uint8, uint16, or floats in [0, 1]")
    array = np.asarray(array, np.float32)
    if problem := _outside(array):
        raise ArrayError(f"{name}: {problem}; divide it by its white, or give uint8 or uint16")
    return array


def as_depth(depth: Maps, *, name: str = "depth") -> InverseDepth:
    """Return a depth map as an array (H, W), not finite where unknown.

    Parameters
    ----------
    depth
        Numbers (H, W), also with axes of one, (1, H, W) or (H, W, 1); three equal channels count
        as one.
    name : str
        What messages call it.

    Raises
    ------
    ArrayError
        Another shape, or no numbers.
    """
    array = _plane(_array(depth, name), name)
    if array.dtype.kind not in "fiu":
        raise ArrayError(f"{name}: {array.dtype} values are no depth; give numbers")
    with np.errstate(over="ignore"):
        return np.asarray(array, np.float32)


def as_mask(mask: Maps, *, name: str = "mask") -> Mask:
    """Return a mask as an array (H, W) in [0, 1].

    Parameters
    ----------
    mask
        (H, W), also with axes of one, (1, H, W) or (H, W, 1); three equal channels count as one.
        bool; floats in [0, 1]; uint8 or uint16, divided by 255 or 65535 unless they hold nothing
        but 0 and 1; other integers of 0 and 1. Of a PIL picture with alpha, that.
    name : str
        What messages call it.

    Raises
    ------
    ArrayError
        Another shape or type, or values outside of [0, 1].
    """
    array = _plane(_array(_alpha(mask, name), name), name)
    if array.dtype.kind == "b":
        return array.astype(np.float32)
    if array.dtype.kind in "iu":
        if array.dtype in (np.uint8, np.uint16) and not holds_units(array):
            return np.divide(array, white(array), dtype=np.float32)
        if array.size and not 0 <= array.min() <= array.max() <= 1:
            raise ArrayError(
                f"{name}: {array.dtype} values from {array.min()} to {array.max()}; give bool, "
                "uint8, uint16, or floats in [0, 1]"
            )
    elif array.dtype.kind != "f":
        raise ArrayError(f"{name}: {array.dtype} values; give bool, uint8, or floats in [0, 1]")
    array = np.asarray(array, np.float32)
    if problem := _outside(array):
        raise ArrayError(f"{name}: {problem}; divide it by its largest possible value")
    if array.size and not 0 <= array.min() <= array.max() <= 1:
        array = np.clip(array, 0, 1)
    return array


def as_instances(instances: Maps | Iterable[Maps]) -> InstanceMap | Iterator[Mask]:
    """Return an instance map (H, W), or masks one after the other.

    Parameters
    ----------
    instances
        Whole numbers (H, W), 0 and below = none; or masks as for `as_mask`, in a sequence or
        stacked to (N, H, W) or (N, H, W, 1). A sequence is read while it is used.

    Raises
    ------
    ArrayError
        Another shape or type; of a mask, while it is used.
    """
    stack = isinstance(instances, np.ndarray) or _is_tensor(instances) or _is_picture(instances)
    if not stack:
        return (as_mask(mask, name=f"mask {index}") for index, mask in enumerate(instances))
    array = _array(instances, "instances")
    if array.ndim == 3 or (array.ndim == 4 and array.shape[-1] == 1):
        return (as_mask(mask, name=f"mask {index}") for index, mask in enumerate(array))
    if array.ndim != 2:
        raise ArrayError(
            f"instances: shape {array.shape}; give ids (H, W), or masks in a list or (N, H, W)"
        )
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        raise ArrayError("instances: no whole numbers; a mask goes into a list: [mask]")
    if array.dtype.kind not in "fiub":
        raise ArrayError(f"instances: {array.dtype} values; give whole numbers, or a list of masks")
    return array if array.dtype.kind in "iu" else array.astype(np.int32)


def check_sizes(photo: Photo, depth: InverseDepth) -> None:
    """Refuse a photo and a depth map of different sizes, or without pixels.

    Raises
    ------
    ArrayError
        Height or width differ, or are 0.
    """
    if photo.shape != (*depth.shape, 3):
        raise ArrayError(
            f"image {photo.shape} and depth {depth.shape} differ in size; resize one of them"
        )
    if not depth.size:
        raise ArrayError(f"depth: shape {depth.shape} has no pixel")


def check_mask(depth: InverseDepth, mask: Mask) -> None:
    """Refuse a mask that has another size than the depth map.

    Raises
    ------
    ArrayError
        Height or width differ.
    """
    if mask.shape != depth.shape:
        raise ArrayError(
            f"mask {mask.shape} and depth {depth.shape} differ in size; resize one of them"
        )


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach") and hasattr(value, "cpu")


def _is_picture(value: Any) -> bool:
    return hasattr(value, "getbands") and hasattr(value, "convert")


def _array(value: Any, name: str) -> NDArray[Any]:
    """Return what numpy makes of a value, without a copy where that can be."""
    if _is_tensor(value):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # unknown to numpy
            value = value.float()
        return np.asarray(value.numpy())
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ArrayError(f"{name}: no array: {error}") from error
    if array.dtype.kind == "O":
        raise ArrayError(f"{name}: {type(value).__name__} is no array, PIL picture or tensor")
    return array


def _alpha(mask: Any, name: str) -> Any:
    """Return the alpha of a PIL picture that has one; refuse colours without."""
    if not _is_picture(mask):
        return mask
    if "A" in mask.getbands():
        return mask.getchannel("A")
    if len(mask.getbands()) > 1 or mask.mode == "P":
        raise ArrayError(f"{name}: a {mask.mode} picture without alpha; convert it to L")
    return mask


def _plane(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Reduce (1, H, W), (H, W, 1), (1, H, W, C) and the like to (H, W)."""
    shape = array.shape
    while array.ndim > 2 and len(array) == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 3 and array.shape[2] == 3:
        first = array[..., :1]
        equal = np.array_equal(first.repeat(3, 2), array, equal_nan=array.dtype.kind == "f")
        if not equal:
            raise ArrayError(f"{name}: shape {shape} with colours; give one channel, (H, W)")
        array = array[..., 0]
    if array.ndim != 2:
        raise ArrayError(f"{name}: shape {shape} is not (H, W); give one map at a time")
    return array


def _outside(array: NDArray[np.float32]) -> str:
    """Say what of an array is not in [0, 1], empty if all is."""
    if not array.size:
        return ""
    low, high = float(array.min()), float(array.max())
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return ""
    if np.isnan(low):
        return "it holds NaN; values must lie in [0, 1]"
    return f"values from {low:.6g} to {high:.6g} lie outside of [0, 1]"
