"""`refine` over a clip: its frames are the photos of a run, on one scale."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from maskdepth_cli.clips.frames import Frames
from maskdepth_cli.clips.matching import match_frames, runs, within
from maskdepth_cli.clips.opening import open_frames
from maskdepth_cli.clips.reading import DepthFrames, MaskFrames, PhotoFrames, is_files
from maskdepth_cli.clips.survey import Survey, Surveyed, declared_range, survey
from maskdepth_cli.commands.clip_frames import ClipReading, read_frame
from maskdepth_cli.commands.refine import computed, decisive_of
from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.commands.refine_worker import Loaded, Refined, RefineWorker
from maskdepth_cli.commands.signs import told_signs
from maskdepth_cli.engine.loading import load_refiner, weights_id
from maskdepth_cli.errors import (
    ExitCode,
    InputFileError,
    NothingToDoError,
    UsageError,
    WeightsError,
)
from maskdepth_cli.files.atomic import check_writable
from maskdepth_cli.files.depth_writing import check_format
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.remote import is_remote
from maskdepth_cli.pairing.matching import DEPTH_SUFFIXES, IMAGE_SUFFIXES, MASK_SUFFIXES
from maskdepth_cli.pairing.selection import EVERYTHING
from maskdepth_cli.run.jobs import Job, LeftOut, Plan
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.planning import Layout
from maskdepth_cli.run.preparing import PreparingWorker
from maskdepth_cli.run.runner import run

_TRIED = 3  # frames: one may be damaged
_FEWEST_DIGITS = 4  # of the numbers of a video's frames


@dataclass(frozen=True)
class _Roles:
    """What was named, opened."""

    photos: Frames
    depths: Frames
    masks: Frames | None
    instances: Frames | None


def refine_clip(request: RefineRequest, options: RunOptions) -> ExitCode:
    """Refine the depth of a clip, frame by frame.

    Raises
    ------
    UsageError, NothingToDoError, WeightsError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    _check(request, options)
    check_format(request.format)
    roles = _open(request)
    plan, clip = _plan(request, options, roles)
    if not options.dry_run and plan.jobs:
        check_writable(options.folder)
    reading = ClipReading(request, clip, Survey(None), roles.instances)
    if plan.jobs:
        reading = _surveyed(replace(reading, pixels=_pixels(reading, plan.jobs)), options)
        plan = replace(plan, notes=(*plan.notes, *_said(reading, request)))
    request = replace(
        request, settings=replace(request.settings, whole_range=reading.survey.whole_range)
    )
    made_with = decisive_of(request, weights_id(request.weights)) | _clip_facts(reading)
    photos = len(plan.jobs)

    def load_network() -> RefineWorker:
        if weights_id(request.weights) != made_with["weights"]:
            raise WeightsError(f"{request.weights}: not the weights that this run began with")
        method = load_refiner(request.weights, **computed(request))
        return RefineWorker(request, options.folder, method, made_with, None, photos)

    def make_worker() -> PreparingWorker[Loaded, Refined]:
        return PreparingWorker(partial(read_frame, reading), load_network)

    return run(
        plan,
        make_worker,
        options,
        made_with,
        lambda _: reading.pixels,
        told_signs(request.depth_kind),
    )


def _check(request: RefineRequest, options: RunOptions) -> None:
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
    }
    if needless := [name for name, value in given.items() if value]:
        raise UsageError(f"{' and '.join(needless)}: not for clips")


def _open(request: RefineRequest) -> _Roles:
    opened = partial(open_frames, suffixes=IMAGE_SUFFIXES, noun="photo")(request.inputs[0])
    assert request.depths is not None
    depths = open_frames(request.depths, DEPTH_SUFFIXES, "depth map")
    masks = instances = None
    if request.masks:
        masks = open_frames(request.masks, MASK_SUFFIXES, "mask")
    elif request.instances:
        instances = open_frames(request.instances, MASK_SUFFIXES, "instance map")
        if not is_files(instances):
            raise UsageError(f"{shown(instances.path)}: instance maps of a clip are numbered files")
    return _Roles(opened, depths, masks, instances)


def _plan(request: RefineRequest, options: RunOptions, roles: _Roles) -> tuple[Plan, Surveyed]:
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


def _pixels(reading: ClipReading, jobs: Sequence[Job]) -> int:
    """Return the size of a frame; what fits none of the first ones fits the clip not."""
    errors: list[InputFileError] = []
    for job in jobs[:_TRIED]:
        try:
            image = read_frame(reading, job).image
            return image.shape[0] * image.shape[1]
        except InputFileError as error:
            errors.append(error)
    raise errors[0]


def _surveyed(reading: ClipReading, options: RunOptions) -> ClipReading:
    """Go through the clip, where anything of it must be known before the work."""
    clip, request = reading.clip, reading.request
    if clip.masks is not None:
        clip = replace(clip, masks=clip.masks.of_one_white())
    given = request.clip.depth_range
    found = Survey(None)
    if given is None or request.clip.align:
        found = survey(clip, align=request.clip.align, steps=partial(_steps, quiet=options.quiet))
    if given is not None:
        found = replace(found, whole_range=declared_range(given, request.depth_kind))
    return replace(reading, clip=clip, survey=found)


def _steps(numbers: Iterable[int], *, quiet: bool) -> Iterator[int]:
    """Show how far the pass before the work is."""
    from tqdm import tqdm

    disable = True if quiet else None
    yield from tqdm(numbers, desc="measuring the clip", unit="frame", disable=disable, leave=False)


def _said(reading: ClipReading, request: RefineRequest) -> Iterator[str]:
    found = reading.survey
    if found.whole_range and not request.clip.depth_range:
        low, high = found.whole_range
        yield f"range of the clip's inverse depth: {low:.6g} to {high:.6g}"
    if found.restarts:
        yield (
            f"--align: {len(found.restarts)} frames show too little that stands still and is not "
            f"masked, and keep the scale of the one before: {runs(found.restarts)}"
        )


def _clip_facts(reading: ClipReading) -> dict[str, Any]:
    """Return what decides the frames besides the settings of photos."""
    masks, gains = reading.clip.masks, reading.survey.gains
    facts: dict[str, Any] = {}
    if masks is not None and masks.rules.levels != reading.request.rules_of_masks().levels:
        facts["mask_white"] = masks.rules.levels
    if gains:
        text = json.dumps(sorted((n, gain.scale, gain.shift) for n, gain in gains.items()))
        facts["aligned"] = hashlib.sha256(text.encode()).hexdigest()
    return facts
