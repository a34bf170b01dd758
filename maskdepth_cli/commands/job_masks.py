"""The masks of a job, from files of any kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from maskdepth_cli.choices import MAX_MEGAPIXELS, Matte
from maskdepth_cli.files.mask_rules import AS_WRITTEN, MaskRules
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.files.turns import Turns
from maskdepth_cli.pairing.annotations import is_annotation_file
from maskdepth_cli.pairing.mask_files import LazyMasks, open_masks
from maskdepth_cli.pairing.selection import EVERYTHING, Selection
from maskdepth_cli.portraits.reading import read_matte
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.types import InstanceMap, Mask


@dataclass(frozen=True)
class MaskReading:
    """How the masks of a photo are read.

    Parameters
    ----------
    selection
        Which objects are wanted.
    rules
        What of a file is the mask.
    matte
        Which matte of a portrait photo is its mask, where the job names the photo as such.
    turned
        How files lie that were made from the photo.
    """

    selection: Selection = EVERYTHING
    rules: MaskRules = AS_WRITTEN
    matte: Matte = "portrait"
    turned: Turns = field(default_factory=Turns)


def read_masks(
    job: Job,
    size: tuple[int, int],
    how: MaskReading | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> LazyMasks | InstanceMap:
    """Read an instance map, or open the masks of a job, all of a size.

    Parameters
    ----------
    job
        Its files of the roles `instances` and `mask`.
    size
        The photo's width and height.
    how
        Which objects are wanted, what of a file is the mask, how it lies.
    max_megapixels
        Larger files are refused.

    Raises
    ------
    InputFileError
        One cannot be read.
    """
    how = how or MaskReading()
    masks = LazyMasks([])
    for path in (*job.paths("instances"), *job.paths("mask")):
        turned = how.turned.of(path, size)
        if path in job.paths("instances") and not is_annotation_file(path):
            ids = read_instance_map(
                path, void=how.rules.void, note=how.turned.note, max_megapixels=max_megapixels
            )
            if how.selection.ids is not None:
                ids = np.where(np.isin(ids, how.selection.ids), ids, 0)
            return turned.apply(match_size(ids, turned.size, what="instances", path=path))
        masks += _opened(path, job, turned.size, how, max_megapixels).changed(turned.apply)
    return masks.changed(_inverted) if how.rules.invert else masks


def _opened(
    path: Path, job: Job, size: tuple[int, int], how: MaskReading, limit: float
) -> LazyMasks:
    if path == job.image and how.rules.channel != "alpha":
        return LazyMasks([partial(_matte, path, size, how.matte, limit)])
    return open_masks(
        path,
        job.name,
        size,
        selection=how.selection,
        rules=how.rules,
        note=how.turned.note,
        max_megapixels=limit,
    )


def _inverted(mask: Mask) -> Mask:
    return 1 - mask


def _matte(path: Path, size: tuple[int, int], name: Matte, max_megapixels: float) -> Mask:
    mask = read_matte(path, name, max_megapixels=max_megapixels)
    return match_size(mask, size, what="mask", path=path)
