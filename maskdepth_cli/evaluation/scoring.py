"""Scoring refinement methods on a test set, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from maskdepth_cli.datasets.samples import DepthDataset, Sample
from maskdepth_cli.engine.instances import instance_masks
from maskdepth_cli.engine.result import RefinedDepth, RefinementMethod
from maskdepth_cli.metrics.regions import LayerPair
from maskdepth_cli.metrics.scores import GroundTruth, MetricSettings, Scores
from maskdepth_cli.metrics.summary import Summary, summarise
from maskdepth_cli.types import InverseDepth

InitialDepth = Callable[[Sample], InverseDepth]


@dataclass(frozen=True)
class EvaluationSettings:
    """What decides the scores besides the method."""

    min_instance_share: float | None = None  # as `instance_masks` takes it
    metrics: MetricSettings = field(default_factory=MetricSettings)
    clip: bool = False  # frames follow each other in time, in the order of the set


@dataclass(frozen=True)
class Row:
    """One method on one frame."""

    name: str  # of the frame
    method: str
    scores: Scores
    seconds: float  # that the method took


def ground_truth(sample: Sample, settings: EvaluationSettings) -> GroundTruth:
    """Prepare a frame for scoring."""
    found = list(instance_masks(sample.instances, settings.min_instance_share))
    masks = [mask > 0.5 for mask in found]
    mattes = found if isinstance(sample.instances, tuple) else []
    return GroundTruth(sample.depth, sample.valid, masks, settings.metrics, mattes, sample.layers)


def layers_of(method: RefinementMethod, refined: RefinedDepth) -> LayerPair | None:
    """Return foreground and background of a result, None of a method that makes no layers.

    That is one whose attribute ``layered`` is False, or that gave the same array for both.
    """
    if not getattr(method, "layered", True) or refined.foreground is refined.background:
        return None
    return refined.foreground, refined.background


def evaluate_method(
    dataset: DepthDataset,
    method: RefinementMethod | None,
    initial: InitialDepth,
    settings: EvaluationSettings | None = None,
    label: str = "method",
) -> tuple[list[Row], Summary]:
    """Score one method on all frames, without files or threads.

    Parameters
    ----------
    dataset : DepthDataset
        The frames.
    method : RefinementMethod or None
        Refines the initial depth with the instances of a frame; None scores the initial depth.
    initial : callable
        Gives the initial inverse depth of a sample, such as `DepthMaps`.
    settings : EvaluationSettings, optional
    label : str
        Name of the method in the rows.

    Returns
    -------
    rows : list of Row
        One per frame.
    summary : Summary

    Raises
    ------
    InputFileError
        A frame is damaged.
    """
    settings = settings or EvaluationSettings()
    rows, before = [], []
    for sample in dataset:
        depth = initial(sample)
        truth = ground_truth(sample, settings)
        start = time.perf_counter()
        refined, layers = depth, None
        if method is not None:
            result = method.refine_instances(sample.image, depth, sample.instances)
            refined, layers = result.depth, layers_of(method, result)
        seconds = time.perf_counter() - start
        before.append(truth.score(depth))
        rows.append(Row(sample.name, label, truth.score(refined, depth, layers), seconds))
    return rows, summarise([row.scores for row in rows], before)
