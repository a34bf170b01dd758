"""`evaluate` over a test set: one resumable run per method, then the comparison."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.datasets.samples import DepthDataset, Frame
from maskdepth_cli.errors import ExitCode
from maskdepth_cli.evaluation.degradation import Degradation
from maskdepth_cli.evaluation.initial_depth import DepthMaps
from maskdepth_cli.evaluation.methods import INITIAL, Method
from maskdepth_cli.evaluation.scoring import EvaluationSettings, Row
from maskdepth_cli.evaluation.workers import InitialWorker, MethodWorker, scores_of
from maskdepth_cli.extras import extra
from maskdepth_cli.run.gathering import photo_pixels
from maskdepth_cli.run.jobs import Job, LeftOut, Plan
from maskdepth_cli.run.manifest import DONE, Manifest
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.pipeline import Worker
from maskdepth_cli.run.runner import run
from maskdepth_cli.run.target import MANIFEST
from maskdepth_cli.side.choice import SideChoice

SCORES = "scores"
PREDICTED = "initial"


@dataclass(frozen=True)
class EvaluateRequest:
    """What `maskdepth evaluate` was asked for.

    Parameters
    ----------
    dataset : DepthDataset
        The frames.
    methods : tuple of Method
        `initial` first.
    initial : Path or None
        Folder of initial depth maps; None: ``side`` predicts them.
    initial_kind : DepthKind
        What those maps hold.
    initial_unknown : float or None
        The number of unknown pixels in them.
    side : SideChoice
        The network that predicts them.
    settings : EvaluationSettings
    figures : Path or None
        Folder for improvement maps.
    degradations : tuple of Degradation
        Every method that masks guide is run with each of them besides.
    notes : tuple of str
        To be told at the start.
    """

    dataset: DepthDataset
    methods: tuple[Method, ...]
    initial: Path | None = None
    initial_kind: DepthKind = "inverse"
    initial_unknown: float | None = None
    side: SideChoice = field(default_factory=SideChoice)
    settings: EvaluationSettings = field(default_factory=EvaluationSettings)
    figures: Path | None = None
    degradations: tuple[Degradation, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """One method, with one kind of masks, on the frames that it could be scored on."""

    method: Method
    masks: str  # empty: the masks of the set
    rows: Mapping[str, Row]  # by the name of the frame


@dataclass(frozen=True)
class Evaluation:
    """All methods on a test set."""

    dataset: DepthDataset
    initial: str  # where the initial depth comes from
    settings: EvaluationSettings
    results: tuple[Result, ...]  # `initial` first
    failed: Mapping[str, str]  # frames left out of the comparison, and why

    @property
    def frames(self) -> list[str]:
        """Names of the frames that every method was scored on."""
        names = [frame.name for frame in self.dataset.frames]
        return [name for name in names if all(name in result.rows for result in self.results)]


def evaluate(request: EvaluateRequest, options: RunOptions) -> tuple[Evaluation | None, ExitCode]:
    """Score every method on every frame.

    Rows that an earlier run left in the target folder are taken over where nothing changed that
    decides them.

    Parameters
    ----------
    request : EvaluateRequest
    options : RunOptions
        The target folder, threads, and what is shown.

    Returns
    -------
    evaluation : Evaluation or None
        None where the run was interrupted.
    code : ExitCode
        OK, SOME_FAILED or INTERRUPTED.

    Raises
    ------
    UsageError
        SciPy is not installed, or matplotlib where masks are to be degraded.
    NothingToDoError, WeightsError, OutputError
        As `runner.run`.
    """
    for module in ("scipy.ndimage", *(("matplotlib.figure",) if request.degradations else ())):
        extra(module, "evaluate", "evaluation")  # before hours of work
    stages = _Stages(request, options)
    complete = stages.initial() and all(
        stages.method(method, degradation)
        for degradation in (None, *request.degradations)
        for method in request.methods
        if method.name != INITIAL and (degradation is None or method.uses_masks)
    )
    if not complete:
        return None, ExitCode.INTERRUPTED
    evaluation = Evaluation(
        request.dataset,
        stages.initial_title,
        request.settings,
        tuple(stages.results),
        stages.failed,
    )
    return evaluation, ExitCode.SOME_FAILED if stages.failed else ExitCode.OK


class _Stages:
    """The runs of an evaluation, one after the other, and what they left."""

    def __init__(self, request: EvaluateRequest, options: RunOptions) -> None:
        self.request = request
        self.options = options
        self.frames = {frame.name: frame for frame in request.dataset.frames}
        follows = pairwise(self.frames) if request.settings.clip else ()
        self._follows = {name: self.frames[earlier] for earlier, name in follows}
        self.results: list[Result] = []
        self.failed: dict[str, str] = {}
        self.initial_title = ""
        self._maps: DepthMaps | None = None
        dataset = request.dataset
        self._common = {
            "evaluation": asdict(request.settings),
            "dataset": [dataset.key, dataset.masks, dict(dataset.options)],
        }

    def initial(self) -> bool:
        """Find or predict the initial depth and score it; False where interrupted."""
        request = self.request
        notes = (*request.dataset.notes, *request.notes)
        method = request.methods[0]
        folder = self.options.folder
        if request.initial is not None:
            maps = DepthMaps.of(
                request.dataset, request.initial, request.initial_kind, request.initial_unknown
            )
            self._maps = maps
            self.initial_title = str(request.initial)
            settings: dict[str, Any] = {"kind": maps.kind, "unknown": maps.unknown}

            def make_worker() -> InitialWorker:
                return InitialWorker(
                    self.frames, request.settings, maps, None, folder, before=self._before(plan)
                )

            plan = self._plan(("initial", maps))
        else:
            source = request.side.find()
            self.initial_title = source.name
            settings = request.side.decisive(source)
            predicted = {name: folder / PREDICTED / f"{name}.tiff" for name in self.frames}
            self._maps = DepthMaps(folder / PREDICTED, "inverse", None, predicted)
            notes = (*notes, request.side.note(source))

            def make_worker() -> InitialWorker:
                predictor = request.side.load(source, quiet=self.options.quiet)
                batch = request.side.settings.batch_size
                return InitialWorker(self.frames, request.settings, None, predictor, folder, batch)

            plan = self._plan(output=("depth", lambda name: str(predicted[name].resolve())))
        return self._run(replace(plan, notes=notes), make_worker, settings, method, None)

    def method(self, method: Method, degradation: Degradation | None) -> bool:
        """Score one method; False where interrupted."""
        request = self.request
        initial = self._maps
        assert initial is not None
        maps = None
        if method.maps is not None:
            maps = DepthMaps.of(request.dataset, method.maps, method.maps_kind, method.maps_unknown)
        output = None
        if request.figures is not None and degradation is None:
            figures = request.figures.resolve() / slug(method.label)
            output = ("figure", lambda name: str(figures / f"{name}.png"))
        plan = self._plan(("initial", initial), *([("map", maps)] if maps else []), output=output)

        def make_worker() -> MethodWorker:
            return MethodWorker(
                self.frames,
                request.settings,
                initial,
                method.load() if method.load else None,
                maps,
                method.threaded,
                degradation,
                self._before(plan),
            )

        settings = {
            "kind": initial.kind,
            "unknown": initial.unknown,
            "method": dict(method.decisive),
        }
        return self._run(plan, make_worker, settings, method, degradation)

    def _plan(
        self,
        *maps: tuple[str, DepthMaps],
        output: tuple[str, Callable[[str], str]] | None = None,
    ) -> Plan:
        """Plan the frames that are not lost yet; those without one of the maps are left out."""
        jobs, left_out = [], []
        for name, frame in self.frames.items():
            if name in self.failed:
                continue
            missing = [found.folder for _, found in maps if name not in found.paths]
            if missing:
                left_out.append(LeftOut(name, frame.image, f"{missing[0]}: no map named {name}"))
                continue
            inputs = (*frame.inputs, *((role, found.paths[name]) for role, found in maps))
            if before := self._follows.get(name):
                files = (("photo", before.image), *before.inputs)
                inputs += tuple((f"{role} before", path) for role, path in files)
            outputs = ((output[0], output[1](name)),) if output else ()
            jobs.append(Job(name, frame.image, inputs, outputs))
        return Plan(tuple(jobs), tuple(left_out))

    def _before(self, plan: Plan) -> dict[str, Frame]:
        """Return the frame before each of a clip, where both have all maps."""
        planned = {job.name for job in plan.jobs}
        return {name: frame for name, frame in self._follows.items() if frame.name in planned}

    def _run(
        self,
        plan: Plan,
        make_worker: Callable[[], Worker[Any, Any]],
        settings: Mapping[str, Any],
        method: Method,
        degradation: Degradation | None,
    ) -> bool:
        """Carry out one stage and take its rows over; False where interrupted."""
        masks = str(degradation or "")
        title = f"{method.label}, masks: {masks}" if masks else method.label
        folder = self.options.folder / SCORES / slug(title)
        options = replace(self.options, folder=folder, label=title, summary=False)
        decisive = {**self._common, **settings, "degradation": masks}
        if plan.jobs and run(plan, make_worker, options, decisive, _pixels) is ExitCode.INTERRUPTED:
            return False
        rows = {}
        with contextlib.closing(Manifest(folder / MANIFEST)) as manifest:
            for job in plan.jobs:
                record = manifest.get(job.name)
                if record is None or record.status != DONE:
                    reason = record.message if record else "not done"
                    self.failed[job.name] = f"{title}: {reason}"
                    continue
                scores = scores_of(record.details)
                rows[job.name] = Row(job.name, method.label, scores, record.details["seconds"])
        for photo in plan.left_out:
            self.failed[photo.name] = f"{title}: {photo.reason}"
        self.results.append(Result(method, masks, rows))
        return True


def _pixels(job: Job) -> int:
    return 0 if job.image.suffix == ".hdf5" else photo_pixels()(job)


def slug(title: str) -> str:
    """Turn a title into the name of a file, at most 120 characters long."""
    name = re.sub(r"[^\w.-]+", "_", title).strip("_.")
    if len(name) <= 120:
        return name
    return f"{name[:100]}_{hashlib.sha256(title.encode()).hexdigest()[:12]}"
