"""`refine` over a clip: its frames are the photos of a run, on one scale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from maskdepth_cli.clips.matching import runs
from maskdepth_cli.clips.survey import Survey, declared_range, survey
from maskdepth_cli.commands.clip_file import into_clip_file, names_a_clip_file
from maskdepth_cli.commands.clip_frames import ClipReading, read_frame
from maskdepth_cli.commands.clip_plan import check_clip, open_clip, plan_clip
from maskdepth_cli.commands.clip_worker import ClipWorker
from maskdepth_cli.commands.refine import computed, decisive_of
from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.commands.refine_worker import Loaded, Refined, RefineWorker
from maskdepth_cli.commands.signs import told_signs
from maskdepth_cli.engine.loading import load_refiner, weights_id
from maskdepth_cli.errors import (
    ExitCode,
    InputFileError,
    WeightsError,
)
from maskdepth_cli.files.atomic import check_writable
from maskdepth_cli.files.depth_formats import check_format
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.preparing import PreparingWorker
from maskdepth_cli.run.runner import run

_TRIED = 3  # frames: one may be damaged


def refine_clip(request: RefineRequest, options: RunOptions) -> ExitCode:
    """Refine the depth of a clip, frame by frame.

    Raises
    ------
    UsageError, NothingToDoError, WeightsError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    check_clip(request, options)
    if names_a_clip_file(options.folder):
        return into_clip_file(request, options, _refine)
    return _refine(request, options)[0]


def _refine(
    request: RefineRequest, options: RunOptions
) -> tuple[ExitCode, Sequence[Job], Fraction | None]:
    """Refine to a folder; return also the frames in order, and how many the clip has a second."""
    check_format(request.format)
    roles = open_clip(request)
    plan, clip = plan_clip(request, options, roles)
    if not options.dry_run and plan.jobs:
        check_writable(options.folder)
    reading = ClipReading(request, clip, Survey(None), roles.instances)
    if plan.jobs:
        reading = _surveyed(replace(reading, pixels=_pixels(reading, plan.jobs)), options)
        plan = replace(plan, notes=(*plan.notes, *_said(reading, request)))
    request = _on_one_scale(request, reading.survey.whole_range)
    made_with = decisive_of(request, weights_id(request.weights)) | _clip_facts(reading)

    def load_network() -> RefineWorker:
        if weights_id(request.weights) != made_with["weights"]:
            raise WeightsError(f"{request.weights}: not the weights that this run began with")
        if request.clip.temporal:
            method = load_refiner(request.weights, temporal=True, **computed(request))
            reads = partial(read_frame, reading)
            return ClipWorker(request, options.folder, method, made_with, plan.jobs, reads)
        plain = load_refiner(request.weights, **computed(request))
        return RefineWorker(request, options.folder, plain, made_with, None, len(plan.jobs))

    def make_worker() -> PreparingWorker[Loaded, Refined]:
        return PreparingWorker(partial(read_frame, reading), load_network)

    code = run(
        plan,
        make_worker,
        options,
        made_with,
        lambda _: reading.pixels,
        told_signs(request.depth_kind),
    )
    return code, plan.jobs, roles.photos.rate


def _on_one_scale(request: RefineRequest, whole: tuple[float, float] | None) -> RefineRequest:
    """Return a request by which all frames are worked on, and written, on the clip's range."""
    request = replace(request, settings=replace(request.settings, whole_range=whole))
    codes = request.png_range
    if whole and codes is None and request.format == "png16":
        codes = {"inverse": whole, "far": (-whole[1], -whole[0]), "depth": None}[request.depth_kind]
    return replace(request, png_range=codes)


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
    facts: dict[str, Any] = {"temporal": True} if reading.request.clip.temporal else {}
    if masks is not None and masks.rules.levels != reading.request.rules_of_masks().levels:
        facts["mask_white"] = masks.rules.levels
    if gains:
        text = json.dumps(sorted((n, gain.scale, gain.shift) for n, gain in gains.items()))
        facts["aligned"] = hashlib.sha256(text.encode()).hexdigest()
    return facts
