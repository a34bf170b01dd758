"""Frames stacked in one array: `.npz` of Video-Depth-Anything and DepthCrafter, `.npy`."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.clips.frames import Forward, Frames
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.arrays import array_member, npy_header, read_exactly, read_label
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.limits import check_size
from maskdepth_cli.files.names import shown


class StackFrames(Frames):
    """The frames of an array (T, H, W), (T, 1, H, W) or (T, H, W, 1), counted from 1.

    Video-Depth-Anything writes the array ``depths``, DepthCrafter ``depth``, both floating.

    Parameters
    ----------
    path : Path
        A ``.npy`` or ``.npz`` file.
    key : str
        The array's name in a ``.npz`` file, see `read_array`.
    name : str, optional
        That name as the user gave it.
    max_megapixels : float
        Larger frames are refused.

    Raises
    ------
    InputFileError
        It is damaged, or holds no such array.
    """

    def __init__(
        self,
        path: Path,
        key: str,
        name: str | None = None,
        *,
        max_megapixels: float = MAX_MEGAPIXELS,
    ) -> None:
        self.path = path
        with open_file(path):  # says what is wrong with a file that cannot be opened
            self._reader = _Reader(path, key, name)
            height, width = self._reader.shape
            check_size(path, width, height, max_megapixels)
            label = read_label(path, "kind") if key == "depth" else ""
        self.facts = {"kind": label} if label else {}
        self.numbers = range(1, self._reader.count + 1)

    def file(self, number: int) -> Path:
        """Return the file of the stack."""
        return self.path

    def frame(self, number: int) -> NDArray[Any]:
        """Return a frame (H, W)."""
        return self._reader.item(number - 1)


class _Reader(Forward[NDArray[Any]]):
    """Frames of a stack, read one by one."""

    def __init__(self, path: Path, key: str, name: str | None) -> None:
        super().__init__()
        self._path = path
        self._stream: IO[bytes] = path.open("rb")
        if zipfile.is_zipfile(self._stream):
            archive = zipfile.ZipFile(self._stream)
            self._stream = archive.open(array_member(archive, key, name, path))
        else:
            self._stream.seek(0)
        shape, fortran, self._type = npy_header(self._stream)
        self._start = self._stream.tell()
        sides = shape
        if len(sides) == 4 and 1 in (sides[1], sides[3]):
            sides = (sides[0], *(sides[2:] if sides[1] == 1 else sides[1:3]))
        if len(sides) != 3 or not math.prod(sides) or self._type.kind not in "biuf":
            raise InputFileError(
                f"{shown(path)}: holds {self._type} of shape {shape}; a clip is a stack of maps "
                "(T, H, W)"
            )
        if fortran:
            raise InputFileError(
                f"{shown(path)}: stored column by column, so frames cannot be read one by one; "
                "save numpy.ascontiguousarray of it"
            )
        self.count, self.shape = sides[0], sides[1:]

    def seek(self, index: int) -> int:
        return index  # `read` goes there

    def read(self, index: int) -> NDArray[Any]:
        place = self._start + index * self._bytes
        try:
            if self._stream.tell() != place:
                self._stream.seek(place)
            data = read_exactly(self._stream, self._bytes)
        except Exception as error:  # of the archive's compression, of any type
            raise InputFileError(
                f"{shown(self._path)}: frame {index + 1} is damaged, or the file is truncated"
            ) from error
        frame = np.frombuffer(data, self._type).reshape(self.shape)
        return frame.astype(self._type.newbyteorder("="))

    @property
    def _bytes(self) -> int:
        return math.prod(self.shape) * self._type.itemsize
