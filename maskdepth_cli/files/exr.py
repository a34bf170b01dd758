"""OpenEXR through OpenCV, where it was built with it, or read through the package `openexr`.

The size is read from the header first.

Header layout: "OpenEXR File Layout" in the documentation of openexr.com.
"""

from __future__ import annotations

import contextlib
import io
import struct
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import InputFileError, OutputError
from maskdepth_cli.files import libraries
from maskdepth_cli.files.headers import check_size
from maskdepth_cli.files.names import shown

MAGIC = b"\x76\x2f\x31\x01"
_LONGEST_HEADER = 1 << 20
_printing = threading.Lock()  # standard output belongs to the process


def read_exr(stream: BinaryIO, path: Path, max_megapixels: float) -> NDArray[Any]:
    """Decode the channels of an OpenEXR file, (H, W) or (H, W, C).

    Raises
    ------
    InputFileError
        If it is too large, or nothing installed reads OpenEXR.
    ValueError
        If it is damaged.
    """
    width, height = _size(stream.read(_LONGEST_HEADER))
    check_size(path, width, height, max_megapixels)
    if not libraries.opencv_has_exr():
        return _through_package(path)
    cv2 = libraries.opencv()
    stream.seek(0)
    data = np.frombuffer(stream.read(), np.uint8)
    values: NDArray[Any] | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("OpenCV cannot decode it")
    return values


def _through_package(path: Path) -> NDArray[Any]:
    if find_spec("OpenEXR") is None:
        raise InputFileError(
            f"{shown(path)}: the installed OpenCV has no OpenEXR; pip install 'maskdepth[exr]', or "
            "save it as tiff, npy or pfm"
        )
    import OpenEXR

    # It prints what is wrong with pixels through Python and goes on without them.
    with (
        _printing,
        contextlib.redirect_stdout(io.StringIO()) as printed,
        OpenEXR.File(str(path), separate_channels=True) as file,
    ):
        channels = [channel.pixels for channel in file.channels().values()]
    if remark := printed.getvalue():
        raise ValueError(remark)
    return np.array(channels[0] if len(channels) == 1 else np.dstack(channels))


def _size(header: bytes) -> tuple[int, int]:
    """Return width and height of the data window."""
    position = 8  # magic number and version
    while header[position : position + 1] not in (b"", b"\0"):
        type_start = header.index(b"\0", position) + 1
        type_end = header.index(b"\0", type_start)
        name = header[position:type_end]
        (length,) = struct.unpack_from("<I", header, type_end + 1)
        position = type_end + 5
        if name == b"dataWindow\0box2i":
            left, top, right, bottom = struct.unpack_from("<4i", header, position)
            return right - left + 1, bottom - top + 1
        position += length
    raise ValueError("no data window in the header")


def encode_exr(values: NDArray[np.float32]) -> bytes:
    """Return (H, W) float32 as an OpenEXR file of one 32-bit channel.

    Raises
    ------
    OutputError
        If OpenCV cannot encode it.
    """
    cv2 = libraries.opencv()
    settings = [cv2.IMWRITE_EXR_TYPE, cv2.IMWRITE_EXR_TYPE_FLOAT]
    done, encoded = cv2.imencode(".exr", values, settings)
    if not done:
        raise OutputError("OpenCV could not encode OpenEXR")
    return bytes(encoded.tobytes())
