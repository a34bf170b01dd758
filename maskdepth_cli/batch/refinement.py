"""`refine` over files: photos, masks and initial depth in, refined depth out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from maskdepth_cli.batch.gathering import Wanted, gather, photo_pixels
from maskdepth_cli.batch.planning import Layout
from maskdepth_cli.batch.prediction import SideChoice
from maskdepth_cli.batch.refine_worker import RefineWorker
from maskdepth_cli.batch.runner import RunOptions, at_hand, run
from maskdepth_cli.batch.staging import staged, stand_in
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.errors import ExitCode, UsageError, WeightsError
from maskdepth_cli.files.depths import DepthKind, check_format
from maskdepth_cli.files.pairing import DEPTH_SUFFIXES
from maskdepth_cli.files.remote import Stage
from maskdepth_cli.loading import DEFAULT_WEIGHTS, load_refiner, weights_id


@dataclass(frozen=True)
class RefineRequest:
    """What `maskdepth refine` was asked for.

    Parameters
    ----------
    inputs
        Files, folders, or `-` for a list on stdin.
    masks, instances
        Where the masks or the instance maps are; exactly one of them.
    depths
        Where the initial depth maps are; None: they are predicted.
    side
        The network that predicts them.
    depth_kind
        What they hold; the same is written.
    format
        One of `files.depths.DEPTH_FORMATS`.
    layers, preview
        Whether these are written besides.
    weights
        Name of embedded weights, or a file.
    settings
        Fields of `RefineSettings` that differ from the default.
    max_megapixels
        Larger pictures are refused.
    """

    inputs: tuple[str, ...]
    masks: Path | None = None
    instances: Path | None = None
    depths: Path | None = None
    side: SideChoice = field(default_factory=SideChoice)
    depth_kind: DepthKind = "inverse"
    format: str = "png"
    layers: bool = False
    preview: bool = False
    weights: str = DEFAULT_WEIGHTS
    settings: Mapping[str, Any] = field(default_factory=dict)
    max_megapixels: float = 200

    def wanted(self) -> list[Wanted]:
        """Return what every photo needs.

        Raises
        ------
        UsageError
            Masks are not named, or what is said of the initial depth contradicts itself.
        """
        if (self.masks is None) == (self.instances is None):
            raise UsageError("give either --masks or --instances")
        if self.depths and self.side.model:
            raise UsageError("--model predicts the initial depth, --depths gives it; drop one")
        if self.depths is None and self.depth_kind != "inverse":
            raise UsageError("--depth-kind says what --depths holds; without it, drop that too")
        if self.masks:
            masks = Wanted("mask", "mask", self.masks, several=True)
        else:
            assert self.instances is not None
            masks = Wanted("instances", "instance map", self.instances)
        if self.depths is None:
            return [masks]
        return [masks, Wanted("depth", "depth map", self.depths, DEPTH_SUFFIXES)]


def refine_files(request: RefineRequest, options: RunOptions) -> ExitCode:
    """Refine the depth of photos in files.

    Raises
    ------
    UsageError, NothingToDoError, WeightsError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    places = (*request.inputs, request.masks, request.instances, request.depths, options.folder)
    with staged(places) as stage:
        if stage:
            request, options = _at_hand(request, stage), at_hand(options, stage)
        return _refine_here(request, options)


def _at_hand(request: RefineRequest, stage: Stage) -> RefineRequest:
    """Return a request for stand-ins of what lies in an object store."""
    roots: dict[str, Any] = {
        name: Path(stand_in(stage, root))
        for name in ("masks", "instances", "depths")
        if (root := getattr(request, name))
    }
    inputs = tuple(stand_in(stage, place) for place in request.inputs)
    return replace(request, inputs=inputs, **roots)


def _refine_here(request: RefineRequest, options: RunOptions) -> ExitCode:
    """Refine where all that is named lies on this machine's disks, or has stand-ins there."""
    check_format(request.format)
    layout = Layout(request.format, request.layers, request.preview)
    wanted = request.wanted()
    decisive = _decisive(request, weights_id(request.weights))
    source = None if request.depths else request.side.find()
    plan = gather(request.inputs, wanted, layout, options.folder, dry_run=options.dry_run)
    if source is not None:
        decisive["initial"] = request.side.decisive(source)
        plan = replace(plan, notes=(request.side.note(source), *plan.notes))

    photos = len(plan.jobs)  # of all shards, so that each computes as a run of the whole does

    def make_worker() -> RefineWorker:
        if weights_id(request.weights) != decisive["weights"]:
            raise WeightsError(f"{request.weights}: not the weights that this run began with")
        method = load_refiner(request.weights, layers=request.layers, **request.settings)
        predictor = None if source is None else request.side.load(source, quiet=options.quiet)
        return RefineWorker(request, options.folder, method, decisive, predictor, photos)

    return run(plan, make_worker, options, decisive, photo_pixels(request.max_megapixels))


def _decisive(request: RefineRequest, weights: str) -> dict[str, Any]:
    """Return the settings that decide what is written, batch size and device left aside."""
    settings = asdict(RefineSettings(layers=request.layers, **request.settings))
    for name in ("batch_size", "device"):
        del settings[name]
    return {"weights": weights, "depth_kind": request.depth_kind, **settings}
