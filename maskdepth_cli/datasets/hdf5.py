"""Arrays in HDF5 files, which several data sets are made of."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.extras import extra
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.limits import check_size
from maskdepth_cli.files.names import shown


def read_hdf5(path: Path, key: str, axes: int) -> NDArray[Any]:
    """Read the array under a key; its first two axes are height and width.

    Raises
    ------
    InputFileError
        The file is damaged, has no such array, or one of another number of axes or too large.
    """
    with open_file(path) as stream, h5py().File(stream, "r") as file:
        stored = _stored(file, key, path)
        if len(stored.shape) != axes:
            raise InputFileError(f"{shown(path)}: expected {axes} axes, found {stored.shape}")
        check_size(path, stored.shape[1], stored.shape[0], MAX_MEGAPIXELS)
        return np.asarray(stored)


def read_hdf5_item(path: Path, key: str, index: int) -> NDArray[Any]:
    """Read one item along the first axis of the array under a key.

    Raises
    ------
    InputFileError
        The file is damaged, has no such array, or no such item.
    """
    with open_file(path) as stream, h5py().File(stream, "r") as file:
        return np.asarray(_stored(file, key, path)[index])


def hdf5_length(path: Path, key: str) -> int:
    """Count the items along the first axis of the array under a key.

    Raises
    ------
    InputFileError
        The file is damaged, or has no such array.
    """
    with open_file(path) as stream, h5py().File(stream, "r") as file:
        return int(_stored(file, key, path).shape[0])


def _stored(file: Any, key: str, path: Path) -> Any:
    if key not in file:
        raise InputFileError(f"{shown(path)}: has no array '{key}'")
    return file[key]


@cache
def h5py() -> Any:
    """Return the module h5py.

    Raises
    ------
    UsageError
        It is not installed.
    """
    return extra("h5py", "datasets", "this data set")
