"""OpenEXR through the package `openexr`: depth, mattes and plates, each from its channels.

Windows and channels come from our own reading of the headers, before the library sees the file.
A picture is as large as its display window; what the data window does not cover is filled.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError, OutputError
from maskdepth_cli.files.exr_channels import (
    Channel,
    alpha_channels,
    channels_of,
    colours,
    depth_channels,
    named,
)
from maskdepth_cli.files.exr_header import Part, Window, read_parts
from maskdepth_cli.files.facts import Header
from maskdepth_cli.files.limits import check_size
from maskdepth_cli.files.names import shown

_SAMPLES_A_PIXEL = 2  # of the largest picture: all channels are decoded together
_NAMED = 12
_printing = threading.Lock()  # standard output belongs to the process


def read_depth_channel(
    stream: BinaryIO, path: Path, max_megapixels: float, channel: str | None = None
) -> NDArray[Any]:
    """Read the depth of a file, (H, W) floating or uint32, NaN outside of its data window.

    Parameters
    ----------
    stream, path
        The file.
    max_megapixels
        Larger windows are refused.
    channel
        The channel's name; None: the one that is called depth, see `exr_channels`.

    Raises
    ------
    InputFileError
        If there is no such channel, or several may be the depth.
    ValueError
        If it is damaged.
    """
    channels = channels_of(_parts(stream, path, max_megapixels))
    if channel is not None:
        one = named(channels, channel)
        if one is None:
            raise InputFileError(f"{shown(path)}: no channel '{channel}'; it has {_list(channels)}")
        return _read(stream, path, [one], np.nan)[0]
    found = depth_channels(channels)
    if not found:
        raise InputFileError(
            f"{shown(path)}: no channel is called depth; say which one is with --depth-channel: "
            f"{_list(channels)}"
        )
    if len({one.layer for one in found}) == 1:
        first, *others = _read(stream, path, found, np.nan)
        if all(np.array_equal(first, other, equal_nan=True) for other in others):
            return first
        if found == colours(channels):
            raise InputFileError(
                f"{shown(path)}: has colours; save the depth in one channel, or say which one it "
                f"is with --depth-channel: {_list(channels)}"
            )
    raise InputFileError(
        f"{shown(path)}: several channels may be the depth: {_list(found)}; say which one is with "
        "--depth-channel"
    )


def read_matte(stream: BinaryIO, path: Path, max_megapixels: float) -> NDArray[Any]:
    """Read the matte of a file, (H, W), 0 outside of its data window.

    The alpha channel unless it is the same everywhere, else the only channel, or gray.

    Raises
    ------
    InputFileError
        If there is none, or several.
    ValueError
        If it is damaged.
    """
    channels = channels_of(_parts(stream, path, max_megapixels))
    alphas = [] if len(channels) == 1 else alpha_channels(channels)
    if len(alphas) > 1:
        raise InputFileError(f"{shown(path)}: several mattes ({_list(alphas)}); keep one")
    if alphas:
        alpha = _read(stream, path, alphas, 0)[0]
        if (alpha != alpha[0, 0]).any():
            return alpha
        channels = [channel for channel in channels if channel not in alphas]
    found = channels if len(channels) == 1 else colours(channels)
    if found:
        first, *others = _read(stream, path, found, 0)
        if all(np.array_equal(first, other) for other in others):
            return first
    raise InputFileError(
        f"{shown(path)}: no matte in {_list(channels)}; save it as the alpha channel or as gray"
    )


def read_ids(stream: BinaryIO, path: Path, max_megapixels: float) -> NDArray[Any]:
    """Read the only channel of a file, (H, W), 0 outside of its data window.

    Raises
    ------
    InputFileError
        If there are several.
    ValueError
        If it is damaged.
    """
    channels = channels_of(_parts(stream, path, max_megapixels))
    if len(channels) != 1:
        raise InputFileError(
            f"{shown(path)}: an instance map has one channel, this file {_list(channels)}"
        )
    return _read(stream, path, channels, 0)[0]


def plate_header(stream: BinaryIO, path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> Header:
    """Return size and kind of a photo of linear light."""
    window = _parts(stream, path, max_megapixels)[0].display
    return Header("EXR", window.width, window.height, 1, "F", 32)


def read_plate(stream: BinaryIO, path: Path) -> NDArray[np.float32]:
    """Read a photo of linear light as it is seen on a screen.

    Returns
    -------
    ndarray
        float32 (H, W) or (H, W, 3) in [0, 1]: light is cut at 1 and takes the curve of sRGB
        (IEC 61966-2-1); black outside of the data window.

    Raises
    ------
    InputFileError
        If it has no colours.
    ValueError
        If it is damaged.
    """
    channels = channels_of(read_parts(stream))
    found = colours(channels)
    if not found:
        raise InputFileError(f"{shown(path)}: no R, G, B in {_list(channels)}: no photo")
    light = np.dstack(_read(stream, path, found, 0)).astype(np.float32)
    light = np.clip(np.nan_to_num(light, nan=0, posinf=1), 0, 1)
    seen = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    seen = np.minimum(seen, 1).astype(np.float32)
    return seen[..., 0] if len(found) == 1 else seen


def _parts(stream: BinaryIO, path: Path, max_megapixels: float) -> list[Part]:
    """Return the parts that hold pictures, their sizes checked."""
    parts = [part for part in read_parts(stream) if not part.deep]
    if not parts:
        raise InputFileError(f"{shown(path)}: deep pixels are not read; flatten the file")
    for part in parts:
        for window in (part.data, part.display):
            check_size(path, window.width, window.height, max_megapixels)
    samples = sum(len(part.channels) * part.data.width * part.data.height for part in parts)
    if samples > _SAMPLES_A_PIXEL * max_megapixels * 1e6:
        raise InputFileError(
            f"{shown(path)}: {samples / 1e6:.0f} million samples in all its channels; keep those "
            "that are needed, or raise --max-megapixels if you trust the file"
        )
    return parts


def _read(
    stream: BinaryIO, path: Path, wanted: Sequence[Channel], fill: float
) -> list[NDArray[Any]]:
    """Decode channels, each in its display window."""
    if find_spec("OpenEXR") is None:
        raise InputFileError(
            f"{shown(path)}: OpenEXR needs a library that is not installed: "
            "pip install 'maskdepth[exr]'"
        )
    planes = []
    for channel, plane in zip(wanted, _decoded(stream, wanted), strict=True):
        window = channel.part.data
        if plane.shape != (window.height, window.width):
            raise ValueError("the size in the header is wrong")
        planes.append(_placed(plane, window, channel.part.display, fill))
    return planes


def _decoded(stream: BinaryIO, wanted: Sequence[Channel]) -> list[NDArray[Any]]:
    """Decode a file and return some of its channels.

    The library's older interface reads single channels, but damaged files crash it.
    """
    import OpenEXR

    stream.seek(0)
    # It prints what is wrong with pixels through Python and goes on without them.
    with (
        _printing,
        contextlib.redirect_stdout(io.StringIO()) as printed,
        OpenEXR.File(stream, separate_channels=True) as file,
    ):
        planes = [
            np.array(file.parts[channel.part.index].channels[channel.name].pixels)
            for channel in wanted
        ]
    if remark := printed.getvalue():
        raise ValueError(remark)
    return planes


def _placed(plane: NDArray[Any], data: Window, display: Window, fill: float) -> NDArray[Any]:
    """Cut and fill what was stored to the display window."""
    if data == display:
        return plane
    dtype = np.float32 if plane.dtype.kind == "f" or np.isnan(fill) else plane.dtype
    placed = np.full((display.height, display.width), fill, dtype)
    left, top = max(data.left, display.left), max(data.top, display.top)
    right, bottom = min(data.right, display.right) + 1, min(data.bottom, display.bottom) + 1
    if left < right and top < bottom:
        placed[
            top - display.top : bottom - display.top, left - display.left : right - display.left
        ] = plane[top - data.top : bottom - data.top, left - data.left : right - data.left]
    return placed


def _list(channels: Sequence[Channel]) -> str:
    names = ", ".join(shown(channel.label) for channel in channels[:_NAMED])
    return f"{names}, ..." if len(channels) > _NAMED else names or "none"


def can_write_exr() -> bool:
    """Tell whether the package that writes OpenEXR is installed."""
    return find_spec("OpenEXR") is not None


def write_exr(path: Path, values: NDArray[np.float32], comments: str) -> None:
    """Write (H, W) float32 as an OpenEXR file of the one 32-bit channel Z.

    Raises
    ------
    OutputError
        If it cannot be encoded.
    """
    import OpenEXR

    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "comments": comments,
    }
    try:
        OpenEXR.File(header, {"Z": np.ascontiguousarray(values)}).write(str(path))
    except RuntimeError as error:
        raise OutputError(f"{shown(path)}: {' '.join(str(error).split())}") from error
