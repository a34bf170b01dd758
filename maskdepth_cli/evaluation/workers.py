"""What happens to one frame of an evaluation: read, refine, score."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from maskdepth_cli.datasets.samples import Frame, Sample
from maskdepth_cli.engine.instances import instance_masks
from maskdepth_cli.evaluation.degradation import Degradation, degrade
from maskdepth_cli.evaluation.flicker import flicker
from maskdepth_cli.evaluation.scoring import (
    EvaluationSettings,
    InitialDepth,
    ground_truth,
    layers_of,
)
from maskdepth_cli.files.depth_writing import write_depth
from maskdepth_cli.metrics.regions import LayerPair
from maskdepth_cli.metrics.scores import GroundTruth, Scores
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.types import InverseDepth

if TYPE_CHECKING:
    from maskdepth_cli.engine.result import RefinementMethod
    from maskdepth_cli.side.predictor import Predictor

FramesByName = Mapping[str, Frame]


@dataclass(frozen=True)
class Scored:
    """What one method made of one frame; the last step of scoring is left to a thread."""

    sample: Sample
    truth: GroundTruth
    initial: InverseDepth | None  # None: to be predicted
    refined: InverseDepth | None = None  # None: to be refined, or the initial depth itself
    layers: LayerPair | None = None  # foreground and background, where the method makes them
    seconds: float = 0.0
    before: Scored | None = None  # the frame before, of a clip


def with_flicker(scores: Scores, item: Scored, settings: EvaluationSettings) -> Scores:
    """Add the temporal change of the error to a frame's scores, where there is one before it."""
    if item.before is None or item.refined is None or item.before.refined is None:
        return scores
    now, before = (
        one.truth.align(depth) - one.truth.depth
        for one, depth in ((item, item.refined), (item.before, item.before.refined))
    )
    change = flicker(
        (item.sample.image, item.before.sample.image),
        (now, before),
        list(instance_masks(item.sample.instances, settings.min_instance_share)),
        settings.metrics.region_band,
    )
    return replace(scores, flicker=change)


def details(scores: Scores, seconds: float, scoring: float) -> dict[str, Any]:
    """Return what the manifest keeps of a scored frame."""
    return {"scores": asdict(scores), "seconds": seconds, "scoring_seconds": scoring}


def scores_of(details: Mapping[str, Any]) -> Scores:
    """Read scores back; what JSON holds as null is NaN."""
    stored: Mapping[str, Any] = details["scores"]
    values: dict[str, Any] = {key: math.nan if x is None else x for key, x in stored.items()}
    return Scores(**values)


class InitialWorker:
    """Find or predict the initial depth of frames and score it.

    Parameters
    ----------
    frames : mapping of str to Frame
        By name.
    settings : EvaluationSettings
    maps : callable or None
        Gives the initial depth of a sample; None where a predictor does.
    predictor : Predictor or None
    folder : Path
        Target folder of predicted maps.
    batch_size : int
        Photos predicted at once.
    before : mapping of str to Frame
        Frames of a clip whose predecessor is scored too: by name, the one before.
    """

    at_once = 1

    def __init__(
        self,
        frames: FramesByName,
        settings: EvaluationSettings,
        maps: InitialDepth | None,
        predictor: Predictor | None,
        folder: Path,
        batch_size: int = 1,
        before: FramesByName = MappingProxyType({}),
    ) -> None:
        self.batch_size = batch_size
        self._before = before
        self._frames = frames
        self._settings = settings
        self._maps = maps
        self._predictor = predictor
        self._folder = folder

    def load(self, job: Job) -> Scored:
        """Read the frame, and its initial depth where that is a file."""
        item, before = self._read(self._frames[job.name]), self._before.get(job.name)
        return item if before is None else replace(item, before=self._read(before))

    def _read(self, frame: Frame) -> Scored:
        sample = frame.read(frame)
        initial = None if self._maps is None else self._maps(sample)
        return Scored(sample, ground_truth(sample, self._settings), initial, initial)

    def compute(self, loaded: Sequence[Scored]) -> list[Scored]:
        """Predict what is not there."""
        if self._predictor is None:
            return list(loaded)
        start = time.perf_counter()
        maps = self._predictor.predict_many([item.sample.image for item in loaded])
        seconds = (time.perf_counter() - start) / len(loaded)
        return [
            Scored(item.sample, item.truth, depth, depth, seconds=seconds)
            for item, depth in zip(loaded, maps, strict=True)
        ]

    def save(self, job: Job, result: Scored) -> dict[str, Any]:
        """Write a predicted map, and score."""
        assert result.initial is not None
        place = job.output("depth")
        if place is not None:
            write_depth(self._folder / place, result.initial, format="tiff")
        start = time.perf_counter()
        scores = result.truth.score(result.initial)
        scores = with_flicker(scores, result, self._settings)
        return details(scores, result.seconds, time.perf_counter() - start)


class MethodWorker:
    """Refine frames with one method, or take maps from elsewhere, and score.

    Parameters
    ----------
    frames : mapping of str to Frame
        By name.
    settings : EvaluationSettings
    initial : callable
        Gives the initial depth of a sample.
    method : RefinementMethod or None
        None where ``maps`` gives the results.
    maps : callable or None
    threaded : bool
        Refine in the threads that score, several frames at once.
    degradation : Degradation or None
        What is done to the masks that guide the method; the metrics keep the true ones.
    before : mapping of str to Frame
        Frames of a clip whose predecessor is refined and scored too: by name, the one before.
    """

    batch_size = at_once = 1

    def __init__(
        self,
        frames: FramesByName,
        settings: EvaluationSettings,
        initial: InitialDepth,
        method: RefinementMethod | None,
        maps: InitialDepth | None = None,
        threaded: bool = True,
        degradation: Degradation | None = None,
        before: FramesByName = MappingProxyType({}),
    ) -> None:
        self._before = before
        self._frames = frames
        self._settings = settings
        self._initial = initial
        self._method = method
        self._maps = maps
        self._threaded = threaded
        self._degradation = degradation

    def load(self, job: Job) -> Scored:
        """Read the frame, its initial depth, and its result where that is a file."""
        item, before = self._read(self._frames[job.name]), self._before.get(job.name)
        return item if before is None else replace(item, before=self._read(before))

    def _read(self, frame: Frame) -> Scored:
        sample = frame.read(frame)
        refined = None if self._maps is None else self._maps(sample)
        truth = ground_truth(sample, self._settings)
        return Scored(sample, truth, self._initial(sample), refined)

    def compute(self, loaded: Sequence[Scored]) -> list[Scored]:
        """Refine, unless the threads do."""
        return list(loaded) if self._threaded else [self._refined(item) for item in loaded]

    def save(self, job: Job, result: Scored) -> dict[str, Any]:
        """Score, and draw the figure if one is asked for."""
        result = self._refined(result)
        assert result.refined is not None
        start = time.perf_counter()
        scores = result.truth.score(result.refined, result.initial, result.layers)
        scores = with_flicker(scores, result, self._settings)
        scoring = time.perf_counter() - start
        if figure := job.output("figure"):
            _write_figure(Path(figure), result)
        return details(scores, result.seconds, scoring)

    def _refined(self, item: Scored) -> Scored:
        """Refine what is not refined yet, the frame before first."""
        before = None if item.before is None else self._refined(item.before)
        if item.refined is None:
            item = self._refine(item)
        return replace(item, before=before)

    def _refine(self, item: Scored) -> Scored:
        assert self._method is not None
        assert item.initial is not None
        sample = item.sample
        masks = list(instance_masks(sample.instances, self._settings.min_instance_share))
        if self._degradation is not None:
            masks = [degrade(mask, self._degradation) for mask in masks]
        start = time.perf_counter()
        refined = self._method.refine_instances(sample.image, item.initial, masks)
        seconds = time.perf_counter() - start
        layers = layers_of(self._method, refined)
        return Scored(sample, item.truth, item.initial, refined.depth, layers, seconds)


def _write_figure(path: Path, result: Scored) -> None:
    from maskdepth_cli.viewing.comparison import comparison_panel
    from maskdepth_cli.viewing.pictures import write_picture

    assert result.initial is not None
    assert result.refined is not None
    truth = np.asarray(result.truth.depth, np.float32)
    initial, refined = (
        np.asarray(result.truth.align(depth), np.float32)
        for depth in (result.initial, result.refined)
    )
    picture = comparison_panel(
        result.sample.image,
        ("initial depth", initial),
        [("refined depth", refined)],
        mask=result.sample.shown_mask,
        truth=truth,
    )
    write_picture(path, picture)
