"""Plain arrays in files: .npy and .npz of numpy, .pfm; sizes checked before data is read."""

from __future__ import annotations

import io
import math
import struct
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.limits import check_size
from maskdepth_cli.files.names import shown

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_NPY_LENGTHS = {(1, 0): struct.Struct("<H"), (2, 0): struct.Struct("<I")}
_ALSO = {
    # What tools call depth maps where not `depth`: Video Depth Anything, UniDepth and others.
    "depth": ("depths", "depth_map", "depth_pred", "pred_depth", "predicted_depth"),
    "mask": ("masks", "segmentation", "alpha"),
}
_BYTES_A_PIXEL = 4  # of a stack of masks, by the size limit of one
_LONGEST_NPY_HEADER = 10_000  # numpy's own limit
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # numpy's; others reserve what files ask for


def is_array_file(path: Path) -> bool:
    """Tell whether the content is that of a .npy or .npz file."""
    with open_file(path) as stream:
        return stream.read(6).startswith((_NPY, _ZIP))


def read_array(
    path: Path,
    *,
    key: str,
    name: str | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    stack: bool = False,
) -> NDArray[Any]:
    """Read a two-dimensional array, or several of one size, from a .npy or .npz file.

    Parameters
    ----------
    path : Path
        The file.
    key : str
        The array's name in a .npz file; without it, the only array counts.
    name : str, optional
        The array's name as the user gave it: no other one will do.
    max_megapixels : float
        The largest size; a stack has at most four bytes for each of these pixels.
    stack : bool
        Whether (N, H, W) will do, and (N, 1, H, W), which some networks give.

    Returns
    -------
    ndarray
        (H, W), or (N, H, W) of a stack, bool, integer or floating; axes of length one are dropped.

    Raises
    ------
    InputFileError
        If it is damaged, too large, holds Python objects, or is no single map.
    """
    with open_file(path) as stream:
        if stream.read(4) != _ZIP:
            stream.seek(0)
            return _read_npy(stream, path, max_megapixels, stack)
        with (
            zipfile.ZipFile(stream) as archive,
            archive.open(array_member(archive, key, name, path)) as data,
        ):
            return _read_npy(data, path, max_megapixels, stack)


def read_label(path: Path, key: str) -> str:
    """Return the short text stored under `key` in a .npz file; empty if there is none."""
    with open_file(path) as stream:
        if stream.read(4) != _ZIP:
            return ""
        with zipfile.ZipFile(stream) as archive:
            name = f"{key}.npy"
            if name not in archive.namelist() or archive.getinfo(name).file_size > 1 << 12:
                return ""
            with archive.open(name) as data:
                shape, _, dtype = npy_header(data)
                if shape != () or dtype.kind != "U":
                    return ""
                return str(np.frombuffer(read_exactly(data, dtype.itemsize), dtype)[0])


def array_member(archive: zipfile.ZipFile, key: str, name: str | None, path: Path) -> str:
    """Return the entry of a .npz file that `read_array` reads; raise InputFileError for none."""
    arrays = [entry for entry in archive.namelist() if entry.endswith(".npy")]
    known = [entry for entry in arrays if entry.removesuffix(".npy") in _ALSO.get(key, ())]
    names = [f"{key}.npy"] if f"{key}.npy" in arrays else known or arrays
    if name is not None:
        names = [entry for entry in arrays if entry == f"{name}.npy"]
    if len(names) != 1:
        found = ", ".join(sorted(entry.removesuffix(".npy") for entry in arrays)[:8])
        which = "; say which: --depth-channel NAME" if key == "depth" and found else ""
        raise InputFileError(
            f"{shown(path)}: expected an array named '{shown(name or key)}', "
            f"found {shown(found) or 'none'}{which}"
        )
    if archive.getinfo(names[0]).compress_type not in _PACKINGS:
        raise InputFileError(f"{shown(path)}: not packed as numpy does; save it with numpy")
    return names[0]


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, whether columns come first, and type; raise ValueError where damaged."""
    version = np.lib.format.read_magic(stream)
    if version not in _NPY_LENGTHS:
        raise ValueError(f"npy format {version}")
    length = _NPY_LENGTHS[version]
    start = read_exactly(stream, length.size)
    (count,) = length.unpack(start)
    if count > _LONGEST_NPY_HEADER:  # numpy reads it whole before it looks at its length
        raise ValueError(f"a header of {count} bytes")
    header = io.BytesIO(start + read_exactly(stream, count))
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(header)
    return np.lib.format.read_array_header_2_0(header)


def _read_npy(stream: IO[bytes], path: Path, max_megapixels: float, stack: bool) -> NDArray[Any]:
    shape, fortran, dtype = npy_header(stream)
    sides = _plain_shape(shape)
    if stack and len(sides) == 4 and sides[1] == 1:
        sides = (sides[0], *sides[2:])
    count = sides[0] if len(sides) == 3 else 1
    if (len(sides) != 2 and not (stack and len(sides) == 3)) or dtype.kind not in "biuf":
        raise InputFileError(_not_a_map(path, shape, dtype, stack))
    check_size(path, sides[-1], sides[-2], max_megapixels)
    size = math.prod(sides) * dtype.itemsize
    if count < 1 or (count > 1 and size > _BYTES_A_PIXEL * max_megapixels * 1e6):
        raise InputFileError(
            f"{shown(path)}: {count} masks of {sides[-1]}x{sides[-2]} pixels are too many for one "
            "photo; raise --max-megapixels if you trust the file"
        )
    data = read_exactly(stream, size)
    array = np.frombuffer(data, dtype).reshape(sides, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="))


def _not_a_map(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], stack: bool) -> str:
    """Return what is wrong with an array, and what to do about it."""
    found = f"{shown(path)}: holds {dtype} of shape {shape}; expected one map of numbers"
    if stack:
        return f"{found}, or a stack (N, H, W)"
    if len(shape) == 3 and dtype.kind in "biuf":
        how = "numpy.save('NAME.npy', frames[i])"
        return f"{found}; frames of a clip go with --clip; else save a file for each: {how}"
    return found


def _plain_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Drop leading axes of length one and a trailing channel axis of length one."""
    sides = tuple(shape)
    while len(sides) > 2 and sides[0] == 1:
        sides = sides[1:]
    return sides[:2] if len(sides) == 3 and sides[2] == 1 else sides


def read_exactly(stream: IO[bytes], count: int) -> bytes:
    """Read bytes; raise ValueError where the file ends before."""
    data = stream.read(count)
    if len(data) != count:
        raise ValueError("the file is truncated")
    return data


def read_pfm(stream: BinaryIO, path: Path, max_megapixels: float) -> NDArray[np.float32]:
    """Read a portable float map, (H, W) or (H, W, 3) float32, first row on top.

    Format: http://www.pauldebevec.com/Research/HDR/PFM/; rows are stored from the bottom up, a
    negative scale means little-endian.

    Raises
    ------
    ValueError
        If it is malformed or truncated.
    """
    magic = _token(stream)
    width, height, scale = int(_token(stream)), int(_token(stream)), float(_token(stream))
    channels = {b"Pf": 1, b"PF": 3}[magic]
    check_size(path, width, height, max_megapixels)
    data = read_exactly(stream, 4 * width * height * channels)
    values = np.frombuffer(data, "<f4" if scale < 0 else ">f4").astype(np.float32)
    shape = (height, width) if channels == 1 else (height, width, 3)
    return values.reshape(shape)[::-1]


def _token(stream: BinaryIO) -> bytes:
    token = b""
    while len(token) < 32:
        byte = stream.read(1)
        if not byte:
            raise ValueError("the header is truncated")
        if not byte.isspace():
            token += byte
        elif token:
            return token
    raise ValueError("the header is malformed")


def encode_pfm(values: NDArray[np.float32]) -> bytes:
    """Return (H, W) float32 as a portable float map."""
    scale = -1.0 if sys.byteorder == "little" else 1.0
    header = f"Pf\n{values.shape[1]} {values.shape[0]}\n{scale}\n".encode("ascii")
    return header + np.ascontiguousarray(values[::-1]).tobytes()
