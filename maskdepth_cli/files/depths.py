"""Depth maps: files to `InverseDepth` arrays and back, without a guess about their kind."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS, DepthFormat, DepthKind
from maskdepth_cli.errors import InputFileError, OutputError, UsageError
from maskdepth_cli.files import arrays, exr, libraries
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.png import encode_gray16
from maskdepth_cli.files.quantisation import dequantise, quantise, scale_of_text
from maskdepth_cli.files.rasters import Raster, read_raster, single_channel
from maskdepth_cli.files.sniffing import EXR_MAGIC
from maskdepth_cli.files.tiff import encode_floats
from maskdepth_cli.types import InverseDepth

DEPTH_FORMATS: tuple[DepthFormat, ...] = get_args(DepthFormat)
_DESCRIPTION_KEY = "maskdepth"


def read_depth(
    path: str | Path,
    kind: DepthKind,
    *,
    channel: str | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> InverseDepth:
    """Read a depth map of a declared kind as inverse depth.

    ``.npy``, ``.npz`` (the array ``depth`` or the only one), ``.pfm``, ``.exr`` (the channel that
    is called depth), and pictures of one channel, told apart by content. Values are taken as they
    are, except for files that `write_depth` made: their scale restores the values.

    Parameters
    ----------
    path : str or Path
        The file.
    kind : "inverse" or "depth"
        What the numbers are. "depth" is inverted here, once: 1/d for d > 0, 0 for d = inf, and
        NaN for everything else.
    channel : str, optional
        Which channel of an OpenEXR file is the depth; None: the one that is called so.
    max_megapixels : float
        Larger maps are refused before they are decoded.

    Returns
    -------
    InverseDepth
        float32 (H, W), larger is nearer, NaN or infinite where unknown.

    Raises
    ------
    InputFileError
        If it cannot be read, is a colour picture, holds no finite value, or says itself that it
        is of the other kind.
    """
    path = Path(path)
    values, stated = _read_values(path, max_megapixels, channel)
    if stated in get_args(DepthKind) and stated != kind:
        raise InputFileError(
            f"{shown(path)}: declared as '{kind}', but the file says it holds '{stated}'; "
            f"use --depth-kind {stated}"
        )
    inverse = _inverse_of(values) if kind == "depth" else _as_float32(values)
    if not np.isfinite(inverse).any():
        raise InputFileError(f"{shown(path)}: the depth map has no known pixel")
    return np.ascontiguousarray(inverse)


def _as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32, copy=False)


def _inverse_of(depth: NDArray[Any]) -> NDArray[np.float32]:
    """Return 1/d for d > 0, so 0 for infinity, and NaN elsewhere."""
    return _reciprocals(depth, depth > 0)


def _depth_of(inverse: NDArray[Any]) -> NDArray[np.float32]:
    """Return 1/x for finite x > 0, infinity for 0, and NaN elsewhere."""
    depth = _reciprocals(inverse, np.isfinite(inverse) & (inverse > 0))
    depth[inverse == 0] = np.inf
    return depth


def _reciprocals(values: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    result = np.full(values.shape, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide(1.0, values.astype(np.float64), out=result, where=where)
    return _as_float32(result)


def _read_values(
    path: Path, max_megapixels: float, channel: str | None
) -> tuple[NDArray[Any], str]:
    """Return the stored numbers (H, W) and the kind that the file states, or an empty string."""
    with open_file(path) as stream:
        start = stream.read(6)
        stream.seek(0)
        if start[:3] in (b"Pf\n", b"PF\n", b"Pf ", b"PF ", b"Pf\r", b"PF\r"):
            return _one_channel(arrays.read_pfm(stream, path, max_megapixels), path), ""
        if start.startswith(EXR_MAGIC):
            return exr.read_depth_channel(stream, path, max_megapixels, channel), ""
    if channel is not None:
        raise InputFileError(
            f"{shown(path)}: --depth-channel {channel} names a channel of OpenEXR, which it is not"
        )
    if arrays.is_array_file(path):
        values = arrays.read_array(path, key="depth", max_megapixels=max_megapixels)
        return values, arrays.read_label(path, "kind")
    return _picture_values(read_raster(path, max_megapixels), path)


def _picture_values(raster: Raster, path: Path) -> tuple[NDArray[Any], str]:
    values = single_channel(raster)
    if values is None:
        raise InputFileError(
            f"{shown(path)}: a colour picture is no depth map (colour maps cannot be undone "
            "reliably); save the depth in one channel"
        )
    try:
        scale = scale_of_text(raster.text)
    except ValueError as error:
        raise InputFileError(f"{shown(path)}: {error}") from error
    if scale is not None:
        return dequantise(values, scale, raster.white), scale.kind
    return values, _described_kind(raster.text.get("description", ""))


def _described_kind(description: str) -> str:
    try:
        facts = json.loads(description)[_DESCRIPTION_KEY]
        return str(facts["kind"])
    except (ValueError, TypeError, LookupError, RecursionError):  # somebody else's description
        return ""


def _one_channel(values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.ndim == 2:
        return values
    first = values[..., 0]
    if not all(np.array_equal(first, values[..., i], equal_nan=True) for i in range(1, 3)):
        raise InputFileError(f"{shown(path)}: has colours; save the depth in one channel")
    return first


def check_format(format: str) -> None:
    """Refuse formats that cannot be written here, before any work is done.

    Raises
    ------
    UsageError
        If it is not one of `DEPTH_FORMATS`, or is ``exr`` and OpenCV was built without it.
    """
    if format not in DEPTH_FORMATS:
        raise UsageError(f"depth format '{format}' is not one of {', '.join(DEPTH_FORMATS)}")
    if format == "exr" and not libraries.opencv_has_exr():
        raise UsageError("the installed OpenCV has no OpenEXR; choose tiff, npy, npz or pfm")


def write_depth(
    path: str | Path,
    depth: InverseDepth,
    *,
    format: str,
    kind: DepthKind = "inverse",
    extra: Mapping[str, str | int | float] | None = None,
) -> dict[str, Any]:
    """Write a depth map; the target is replaced in one step or left as it was.

    ``png``: 16 bits; the range is spread over all codes, and the text chunks ``maskdepth.kind``,
    ``maskdepth.low``, ``maskdepth.high`` and, where needed, the codes of unknown and infinite
    pixels restore the values within half a step. ``tiff``: float32, deflate with predictor, kind
    in the description. ``npz``: arrays ``depth`` and ``kind``. ``npy``, ``pfm``, ``exr``: float32.

    Parameters
    ----------
    path : str or Path
        The target.
    depth : InverseDepth
        (H, W), larger is nearer; not finite where unknown.
    format : str
        One of `DEPTH_FORMATS`.
    kind : "inverse" or "depth"
        What to store; "depth" stores 1/d (inf for 0, NaN for negative values).
    extra : mapping, optional
        Facts to keep in PNG text chunks and the TIFF description, such as the weights' name.

    Returns
    -------
    dict
        The scale record for the manifest: ``format`` and ``kind``; for PNG also ``low``,
        ``high`` and, where used, ``unknown`` and ``infinite``.

    Raises
    ------
    OutputError
        If the target cannot be written, or no pixel is known.
    UsageError
        As `check_format`.
    """
    check_format(format)
    path = Path(path)
    values = _depth_of(depth) if kind == "depth" else _as_float32(np.asarray(depth))
    if not np.isfinite(values).any():
        raise OutputError(f"{shown(path)}: the depth map has no known pixel")
    record: dict[str, Any] = {"format": format, "kind": kind}
    if format == "png":
        codes, scale = quantise(values, kind)
        record |= scale.record()
        data = encode_gray16(codes, scale.text() | _extra_text(extra))
    else:
        data = _FLOAT_ENCODERS[format](values, {"kind": kind, **(extra or {})})
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
    return record


def _extra_text(extra: Mapping[str, str | int | float] | None) -> dict[str, str]:
    # Latin-1 is all that tEXt can hold: JSON escapes the rest.
    return {
        f"maskdepth.{key}": value
        if isinstance(value, str) and value.isascii()
        else json.dumps(value)
        for key, value in (extra or {}).items()
    }


def _plain(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _encoded_tiff(values: NDArray[np.float32], facts: Mapping[str, Any]) -> bytes:
    return encode_floats(values, json.dumps({_DESCRIPTION_KEY: dict(facts)}))


def _encoded_npy(values: NDArray[np.float32], _: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def _encoded_npz(values: NDArray[np.float32], facts: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, depth=values, kind=np.array(facts["kind"]))
    return stream.getvalue()


# Encoded in memory and written by Python: only then is the reason of a full disk known.
_FLOAT_ENCODERS: dict[str, Callable[[NDArray[np.float32], Mapping[str, Any]], bytes]] = {
    "tiff": _encoded_tiff,
    "npy": _encoded_npy,
    "npz": _encoded_npz,
    "pfm": lambda values, _: arrays.encode_pfm(values),
    "exr": lambda values, _: exr.encode_exr(values),
}
