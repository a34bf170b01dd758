"""One frame of a clip, read as a photo is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from maskdepth_cli.arrays import value_range
from maskdepth_cli.clips.frames import Frames
from maskdepth_cli.clips.survey import Survey, Surveyed
from maskdepth_cli.commands.refine_worker import Loaded
from maskdepth_cli.commands.signs import lone_numbers
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.depths import DepthMap
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.types import InstanceMap

if TYPE_CHECKING:
    from maskdepth_cli.commands.refine_request import RefineRequest


@dataclass(frozen=True)
class ClipReading:
    """How the frames of a clip are read.

    Attributes
    ----------
    request
        Limits and rules.
    clip
        Photos, masks and depth maps.
    survey
        What holds for all frames.
    instances
        Instance maps in place of masks.
    pixels
        Of a frame.
    """

    request: RefineRequest
    clip: Surveyed
    survey: Survey
    instances: Frames | None = None
    pixels: int = 0


def read_frame(reading: ClipReading, job: Job) -> Loaded:
    """Read photo, initial depth and mask of a frame, all of the photo's size.

    Raises
    ------
    InputFileError
        One cannot be read, or is of another shape than the photo.
    """
    clip, number = reading.clip, job.frame
    assert number is not None
    image = clip.photos.read(number)
    size = (image.shape[1], image.shape[0])
    signs: set[str] = set()
    given = clip.depths.read(clip.depth_of[number])
    signs.update(lone_numbers(given))
    _check_range(reading, given, job)
    depth = reading.survey.aligned(number, given).to_size(size, job.paths("depth")[0])
    if clip.masks is None:
        instances = _instances(reading, job, size, signs)
        return Loaded(image, depth, None, instances, signs=signs, number=number)
    mask = clip.masks.read(clip.mask_of[number], signs.add)
    mask = match_size(mask, size, what="mask", path=job.paths("mask")[0])
    return Loaded(image, depth, mask, signs=signs, number=number)


def _check_range(reading: ClipReading, depth: DepthMap, job: Job) -> None:
    """Refuse a frame that contradicts what was said of the clip's range."""
    clip, whole = reading.request.clip, reading.survey.whole_range
    if clip.depth_range is None or clip.align or whole is None:
        return
    low, high = value_range(depth.inverse, np.isfinite(depth.inverse))
    if low < whole[0] or high > whole[1]:
        said = ",".join(f"{end:g}" for end in clip.depth_range)
        raise InputFileError(
            f"{shown(job.paths('depth')[0])}: inverse depth from {low:.6g} to {high:.6g} lies "
            f"outside of --depth-range {said}; give the whole clip's, or leave it out"
        )


def _instances(
    reading: ClipReading, job: Job, size: tuple[int, int], signs: set[str]
) -> InstanceMap:
    request, path = reading.request, job.paths("instances")[0]
    ids = read_instance_map(
        path,
        void=request.mask_rules.void,
        note=signs.add,
        max_megapixels=request.max_megapixels,
    )
    if request.selection.ids is not None:
        ids = np.where(np.isin(ids, request.selection.ids), ids, 0)
    return match_size(ids, size, what="instances", path=path)
