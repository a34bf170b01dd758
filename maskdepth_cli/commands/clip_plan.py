"""What is asked of a clip, planned: a job of every frame that has its partners."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from maskdepth_cli.clips.frames import Frames
from maskdepth_cli.clips.matching import match_frames, runs, within
from maskdepth_cli.clips.opening import open_frames
from maskdepth_cli.clips.reading import DepthFrames, MaskFrames, PhotoFrames, is_files
from maskdepth_cli.clips.survey import Surveyed
from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.errors import NothingToDoError, UsageError
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.remote import is_remote
from maskdepth_cli.masking.makers import maker_of
from maskdepth_cli.pairing.matching import DEPTH_SUFFIXES, IMAGE_SUFFIXES, MASK_SUFFIXES
from maskdepth_cli.pairing.selection import EVERYTHING
from maskdepth_cli.run.jobs import Job, LeftOut, Plan
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.planning import Layout

_FEWEST_DIGITS = 4  # of the numbers of a video's frames


@dataclass(frozen=True)
class Roles:
    """What was named, opened."""

    photos: Frames
    depths: Frames
    masks: Frames | None
    instances: Frames | None


def check_clip(request: RefineRequest, options: RunOptions) -> None:
    """Refuse what is for photos alone."""
    places = (*request.inputs, request.masks, request.instances, request.depths, options.folder)
    if any(is_remote(place) for place in places if place is not None):
        raise UsageError("a clip is read and written on this machine's disks; copy it there first")
    if len(request.inputs) != 1:
        raise UsageError("one clip at a time; name its masks with --masks, its depth with --depths")
    if request.depths is None:
        raise UsageError(
            "a clip needs --depths: of a video network, or made of its frames by maskdepth predict"
        )
    if (request.masks is None) == (request.instances is None):
        raise UsageError("a clip needs either --masks or --instances")
    if request.masks is not None and maker_of(request.masks) is not None:
        raise UsageError(
            f"--masks {request.masks}: makes masks of photos; make them of the clip's frames first"
        )
    given: dict[str, Any] = {
        "--model": request.side.model,
        "--matte": request.matte,
        "--sky": request.sky,
        "--embed": request.embed,
        "--mask-suffix": request.mask_suffix,
        "--depth-suffix": request.depth_suffix,
        "--as-stored": request.as_stored != "none",
        "--classes": request.selection.classes,
        "--ids": request.masks and request.selection != EVERYTHING,
        "--executor ray": options.cluster.executor == "ray",
        "--align with --instances": request.clip.align and request.instances,
        "--temporal with --instances": request.clip.temporal and request.instances,
        "--temporal with --wrap": request.clip.temporal and request.settings.wrap,
    }
    if needless := [name for name, value in given.items() if value]:
        raise UsageError(f"{' and '.join(needless)}: not for clips")


def open_clip(request: RefineRequest) -> Roles:
    """Open what was named.

    Raises
    ------
    UsageError, InputFileError
        It is not there, is no clip, or cannot be read.
    """
    opening = partial(open_frames, max_megapixels=request.max_megapixels)
    photos = opening(request.inputs[0], IMAGE_SUFFIXES, "photo")
    assert request.depths is not None
    depths = opening(request.depths, DEPTH_SUFFIXES, "depth map", request.depth_channel)
    masks = instances = None
    if request.masks:
        masks = opening(request.masks, MASK_SUFFIXES, "mask")
    elif request.instances:
        instances = opening(request.instances, MASK_SUFFIXES, "instance map")
        if not is_files(instances):
            raise UsageError(f"{shown(instances.path)}: instance maps of a clip are numbered files")
    return Roles(photos, depths, masks, instances)


def plan_clip(request: RefineRequest, options: RunOptions, roles: Roles) -> tuple[Plan, Surveyed]:
    """Make a job of every frame that is wanted and has its partners."""
    clip, frames = roles.photos, request.clip.frames
    guide, noun = (roles.masks, "mask") if roles.masks else (roles.instances, "instance map")
    assert guide is not None
    masks = match_frames(clip, guide, noun, frames)
    depths = match_frames(clip, roles.depths, "depth map", frames)
    jobs: list[Job] = []
    left_out: list[LeftOut] = []
    layout = Layout(
        request.format,
        request.settings.layers,
        request.preview,
        confidence=request.finish.confidence,
    )
    role = "mask" if roles.masks else "instances"
    for number in clip.numbers:
        if not within(number, frames):
            continue
        place, name = _names(clip, number)
        partners = (("depth", roles.depths, depths), (role, guide, masks))
        missing = [
            f"no {noun if kind == role else 'depth map'} for it in {shown(other.path)}"
            for kind, other, found in partners
            if number not in found.partners
        ]
        if missing:
            left_out.append(LeftOut(name, clip.file(number), ", and ".join(missing)))
            continue
        inputs = [(kind, other.file(found.partners[number])) for kind, other, found in partners]
        outputs = layout.outputs(place, initial=str(inputs[0][1]))
        jobs.append(Job(name, clip.file(number), inputs, outputs, number))
    if not jobs and not left_out:
        raise NothingToDoError(
            f"--frames: {shown(clip.path)} has the frames {runs(clip.numbers)}, none of these"
        )
    _spare_inputs(jobs, options.folder)
    gaps = [_gap_note(one) for one in (clip, guide, roles.depths) if one.gaps()]
    notes = (*gaps, *masks.notes, *depths.notes)
    limit = request.max_megapixels
    mask_frames = None
    if roles.masks:
        mask_frames = MaskFrames(roles.masks, request.rules_of_masks(), limit)
    surveyed = Surveyed(
        PhotoFrames(clip, limit),
        mask_frames,
        DepthFrames(
            roles.depths, request.depth_kind, request.unknown, request.depth_channel, limit
        ),
        masks.partners,
        depths.partners,
    )
    return Plan(tuple(jobs), tuple(left_out), notes, in_order=True), surveyed


def _names(clip: Frames, number: int) -> tuple[str, str]:
    """Return the place of a frame's outputs, and what its line in the manifest is called."""
    if clip.numbered:
        file = clip.file(number)
        return file.stem, file.name
    digits = max(_FEWEST_DIGITS, len(str(clip.numbers[-1])))
    place = f"{clip.path.stem}.{number:0{digits}d}"
    return place, place


def _spare_inputs(jobs: Iterable[Job], folder: Path) -> None:
    """Refuse a target whose files are the clip's own."""
    jobs = list(jobs)
    read = {os.path.abspath(path) for job in jobs for _, path in job.sources()}  # noqa: PTH100
    for job in jobs:
        for _, place in job.outputs:
            if os.path.abspath(folder / place) in read:  # noqa: PTH100
                raise UsageError(
                    f"{shown(folder / place)} is an input and the target; choose another folder "
                    "with --output"
                )


def _gap_note(frames: Frames) -> str:
    gaps = frames.gaps()
    count = "1 frame is" if len(gaps) == 1 else f"{len(gaps)} frames are"
    return f"{shown(frames.path)}: {count} missing between its first and its last: {runs(gaps)}"
