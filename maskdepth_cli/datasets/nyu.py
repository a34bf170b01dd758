"""NYU Depth V2: the 1,449 labelled frames in their one file (Silberman et al., ECCV 2012)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from maskdepth_cli.datasets.hdf5 import hdf5_length, read_hdf5_item
from maskdepth_cli.datasets.samples import DepthDataset, Frame, Sample
from maskdepth_cli.errors import InputFileError, NothingToDoError
from maskdepth_cli.files.names import shown

FILE = "nyu_depth_v2_labeled.mat"
_IDS = 1 << 10  # instances of one class fit below


def open_nyu(root: Path) -> DepthDataset:
    """Open ``nyu_depth_v2_labeled.mat``, a MATLAB 7.3 file, which is HDF5 with reversed axes.

    ``images`` (N, 3, W, H) uint8, ``depths`` (N, W, H) planar metres with gaps filled in,
    ``labels`` and ``instances`` (N, W, H): an instance is a pair of both, label 0 is none.

    Parameters
    ----------
    root : Path
        The file, or the folder it lies in.

    Raises
    ------
    NothingToDoError
        It is not there.
    UsageError
        h5py is not installed.
    """
    path = root / FILE if root.is_dir() else root
    if not path.is_file():
        raise NothingToDoError(
            f"{shown(root)}: no {FILE} here; download the labelled dataset of "
            "cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html"
        )
    inputs = (("depth", path), ("instances", path))
    frames = tuple(
        Frame(f"{index:04d}", path, inputs, partial(_read, index))
        for index in range(hdf5_length(path, "depths"))
    )
    return DepthDataset("nyu", "NYU Depth V2, labelled frames", frames)


def _read(index: int, frame: Frame) -> Sample:
    image, depth, labels, instances = (
        read_hdf5_item(frame.image, key, index).T
        for key in ("images", "depths", "labels", "instances")
    )
    if image.ndim != 3 or image.shape[2] != 3 or depth.ndim != 2:
        raise InputFileError(f"{shown(frame.image)}: images of another shape, {image.shape}")
    inverse = np.full(depth.shape, np.nan, np.float32)
    np.divide(1, depth, out=inverse, where=depth > 0)
    ids = np.where(labels > 0, labels.astype(np.int32) * _IDS + instances, 0).astype(np.int32)
    return frame.sample(np.ascontiguousarray(image / np.float32(255)), inverse, ids)
