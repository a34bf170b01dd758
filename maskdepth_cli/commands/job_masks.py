"""The masks of a job, from files of any kind."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from maskdepth_cli.choices import MAX_MEGAPIXELS, Matte
from maskdepth_cli.files.annotations import is_annotation_file
from maskdepth_cli.files.mask_files import LazyMasks, open_masks
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.files.portraits.reading import read_matte
from maskdepth_cli.files.selection import EVERYTHING, Selection
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.types import InstanceMap, Mask


def read_masks(
    job: Job,
    size: tuple[int, int],
    selection: Selection = EVERYTHING,
    matte: Matte = "portrait",
    max_megapixels: float = MAX_MEGAPIXELS,
) -> LazyMasks | InstanceMap:
    """Read an instance map, or open the masks of a job, all of a size.

    Parameters
    ----------
    job
        Its files of the roles `instances` and `mask`.
    size
        The photo's width and height.
    selection
        Which objects are wanted.
    matte
        Which matte of a portrait photo is its mask, where the job names the photo as such.
    max_megapixels
        Larger files are refused.

    Raises
    ------
    InputFileError
        One cannot be read.
    """
    masks = LazyMasks([])
    for path in (*job.paths("instances"), *job.paths("mask")):
        if path in job.paths("instances") and not is_annotation_file(path):
            ids = read_instance_map(path, max_megapixels=max_megapixels)
            if selection.ids is not None:
                ids = np.where(np.isin(ids, selection.ids), ids, 0)
            return match_size(ids, size, what="instances", path=path)
        if path == job.image:
            masks += LazyMasks([partial(_matte, path, size, matte, max_megapixels)])
        else:
            masks += open_masks(
                path, job.name, size, selection=selection, max_megapixels=max_megapixels
            )
    return masks


def _matte(path: Path, size: tuple[int, int], name: Matte, max_megapixels: float) -> Mask:
    mask = read_matte(path, name, max_megapixels=max_megapixels)
    return match_size(mask, size, what="mask", path=path)
