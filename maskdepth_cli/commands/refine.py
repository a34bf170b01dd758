"""`refine` over files: photos, masks and initial depth in, refined depth out."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from maskdepth_cli.clips.opening import names_a_clip
from maskdepth_cli.clips.settings import ONE_CLIP
from maskdepth_cli.commands.made_masks import with_masks
from maskdepth_cli.commands.one_file import into_one_file, names_a_file
from maskdepth_cli.commands.portraits import holds_depth
from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.commands.refine_worker import Loaded, Refined, RefineWorker, read
from maskdepth_cli.commands.signs import told_signs
from maskdepth_cli.commands.wanted import as_typed, depth_maps, wanted_by_refine
from maskdepth_cli.engine.loading import load_refiner, weights_id
from maskdepth_cli.engine.settings import FinishSettings
from maskdepth_cli.errors import ExitCode, UsageError, WeightsError
from maskdepth_cli.files.depth_formats import check_format
from maskdepth_cli.files.names import shown
from maskdepth_cli.run.gathering import gather, photo_pixels
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.planning import Layout
from maskdepth_cli.run.preparing import PreparingWorker
from maskdepth_cli.run.runner import run, run_where_it_lies
from maskdepth_cli.settings import decisive


def refine_files(request: RefineRequest, options: RunOptions) -> ExitCode:
    """Refine the depth of photos in files.

    Raises
    ------
    UsageError, NothingToDoError, WeightsError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    if names_a_clip(request.inputs, folders=request.clip.clip):
        from maskdepth_cli.commands.clips import refine_clip

        return refine_clip(request, options)
    for place in (request.masks, request.depths):
        if place and request.inputs and names_a_clip([str(place)], folders=False):
            raise UsageError(
                f"{shown(place)} is a clip; say --clip if {shown(request.inputs[0])} holds its "
                "frames, or name their numbers as shot.####.exr"
            )
    if request.clip != ONE_CLIP:
        raise UsageError(
            "--frames, --depth-range, --align and --temporal are for clips: name a video, numbered "
            "files such as shot.####.exr, or say --clip of a folder of frames"
        )
    if names_a_file(options.folder) and not as_typed(request):
        given = request.depths
        places = (request.masks, request.instances, given, request.sky)
        return into_one_file(
            request,
            options,
            refine_files,
            [depth_maps("depth", given, request.depth_suffix)] if given else (),
            [name for name, wanted in _besides(request).items() if wanted],
            [Path(place) for place in places if place],
        )
    return run_where_it_lies(request, options, _refine_here)


def _besides(request: RefineRequest) -> dict[str, bool]:
    """Return the options that write more than depth maps, and whether they are given."""
    return {
        "--layers": request.settings.layers,
        "--preview": request.preview,
        "--embed": request.embed,
        "--confidence": request.finish.confidence,
    }


def _refine_here(request: RefineRequest, options: RunOptions) -> ExitCode:
    """Refine where all that is named lies on this machine's disks, or has stand-ins there."""
    check_format(request.format)
    made = with_masks(request, options)
    if made.code is not None:
        return made.code
    request = made.request
    layout = Layout(
        request.format,
        request.settings.layers,
        request.preview,
        embedded=request.embed,
        confidence=request.finish.confidence,
    )
    wanted = wanted_by_refine(request)
    made_with = decisive_of(request, weights_id(request.weights))
    source = None if request.depths else request.side.find()
    plan = gather(request.inputs, wanted, layout, options.folder, dry_run=options.dry_run)
    if not (plan.jobs or request.masks or request.instances):
        reason = f"{plan.left_out[0].name}: {plan.left_out[0].reason}"
        raise UsageError(f"give either --masks or --instances{as_typed(request)} ({reason})")
    if source is not None and not request.side.model and all(map(_holds_depth, plan.jobs)):
        source = None  # portrait photos all
    if source is not None:
        made_with["initial"] = request.side.decisive(source)
        plan = replace(plan, notes=(request.side.note(source), *plan.notes))

    plan = replace(plan, notes=(*made.notes, *plan.notes))
    photos = len(plan.jobs)  # of all shards, so that each computes as a run of the whole does

    def load_networks() -> RefineWorker:
        if weights_id(request.weights) != made_with["weights"]:
            raise WeightsError(f"{request.weights}: not the weights that this run began with")
        method = load_refiner(request.weights, **computed(request))
        predictor = None if source is None else request.side.load(source, quiet=options.quiet)
        return RefineWorker(request, options.folder, method, made_with, predictor, photos)

    def make_worker() -> PreparingWorker[Loaded, Refined]:
        return PreparingWorker(partial(read, request), load_networks)

    signs = told_signs(request.depth_kind if request.depths else None)
    pixels = photo_pixels(request.max_megapixels)
    return run(plan, make_worker, options, made_with, pixels, signs)


def computed(request: RefineRequest) -> dict[str, Any]:
    """Return the engine's settings: edges need both layers, written or not."""
    settings = asdict(request.settings)
    return settings | {"layers": request.settings.layers or request.finish.recomposes}


def _holds_depth(job: Job) -> bool:
    return bool(job.paths("depth")) or holds_depth(job.image)


def decisive_of(request: RefineRequest, weights: str) -> dict[str, Any]:
    """Return the settings that decide what is written, batch size and device left aside."""
    masks = request.decisive_of_masks()
    settings = decisive(request.settings)
    if settings["whole_range"] is None:
        del settings["whole_range"]
    channel = {"depth_channel": request.depth_channel} if request.depth_channel else {}
    default = decisive(FinishSettings())
    finish = {name: v for name, v in decisive(request.finish).items() if v != default[name]}
    settings = {**channel, **masks, **settings, **finish}
    return {
        "weights": weights,
        "depth_kind": request.depth_kind,
        "unknown": request.unknown,
        "format": request.format,
        "png_range": request.png_range,
        **settings,
    }
