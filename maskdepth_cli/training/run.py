"""A training run from folders and a recipe: what `maskdepth train` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path

import torch
from torch import nn

from maskdepth_cli.datasets.generic import open_generic
from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.runtime import pick_device
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.errors import UsageError, WeightsError
from maskdepth_cli.evaluation.initial_depth import DepthMaps
from maskdepth_cli.evaluation.scoring import evaluate_method
from maskdepth_cli.metrics.summary import columns
from maskdepth_cli.networks.building import OwnNetwork, build_network
from maskdepth_cli.side.lite import LiteNetwork
from maskdepth_cli.training.batches import Task
from maskdepth_cli.training.catalog import open_frames, open_masks
from maskdepth_cli.training.logs import Progress
from maskdepth_cli.training.parallel import joined
from maskdepth_cli.training.recipe import Recipe, TrainSettings, load_recipe, read_toml
from maskdepth_cli.training.refinement_task import RefinementTask
from maskdepth_cli.training.request import TrainRequest
from maskdepth_cli.training.show import show_data
from maskdepth_cli.training.side import SideTask, load_imagenet_encoder, load_side_recipe
from maskdepth_cli.training.side_validation import side_validation
from maskdepth_cli.training.sources import FrameFolder
from maskdepth_cli.training.trainer import Trainer
from maskdepth_cli.weights.refinement import load_network

BEST = "mbe"  # the metric by which the best weights are kept


def train(request: TrainRequest, report: Callable[[Progress], None]) -> Path:
    """Run a recipe, or one stage of it, going on from the output folder's checkpoint if it has one.

    Returns
    -------
    Path
        The EMA weights; with ``show_data`` the pictures.

    Raises
    ------
    UsageError
        The recipe cannot be used, or options contradict each other.
    NothingToDoError
        A folder holds no frames or masks.
    WeightsError
        The weights to start from, or the checkpoint, belong to another network.
    """
    if request.threads:
        torch.set_num_threads(request.threads)
    if read_toml(request.recipe).get("network", {}).get("size") == "lite":
        return _train_side(request, report)
    if request.stage is None:
        raise UsageError("say which stage of the refinement network to train: --stage 1 or 2")
    recipe = load_recipe(request.recipe, request.changes)
    settings = recipe.stage1 if request.stage == 1 else recipe.stage2
    torch.manual_seed(settings.seed)
    frames = open_frames(recipe.frames, request.rgbd, request.data)
    task = RefinementTask(
        recipe,
        request.stage,
        frames,
        _network(recipe, request.start),
        open_masks(recipe.masks, request.masks, request.data, frames),
        _validation(request),
    )
    if request.show_data is not None:
        return show_data(task, request.show_data)
    return _run(request, task, settings, report)


def _train_side(request: TrainRequest, report: Callable[[Progress], None]) -> Path:
    """Train a SIDE network from ImageNet weights, or go on."""
    if request.stage or request.masks or request.validation_initial or request.show_data:
        raise UsageError(
            "a SIDE network has no --stage, --masks, --validation-initial or --show-data"
        )
    recipe = load_side_recipe(request.recipe, request.changes)
    torch.manual_seed(recipe.train.seed)
    network = LiteNetwork(recipe.network)
    load_imagenet_encoder(network, request.start)
    validation = side_validation(request.validation) if request.validation else None
    task = SideTask(recipe, FrameFolder(*request.rgbd), network, validation)
    return _run(request, task, recipe.train, report)


def _run(
    request: TrainRequest,
    task: Task,
    settings: TrainSettings,
    report: Callable[[Progress], None],
) -> Path:
    device = pick_device(request.device)
    with joined(device) as ranks:
        trainer = Trainer(
            task,
            settings,
            request.output,
            device=device,
            precision=request.precision,
            workers=request.workers,
            compiled=request.compiled,
            tensorboard=request.tensorboard,
            ranks=ranks,
        )
        return trainer.run(report)


def _network(recipe: Recipe, start: Path | None) -> OwnNetwork:
    if start is None:
        return build_network(recipe.network)
    network = load_network(start)
    if network.config != recipe.network:
        here, there = asdict(recipe.network), asdict(network.config)
        names = [f.name for f in fields(recipe.network) if here[f.name] != there[f.name]]
        raise WeightsError(f"{start}: differs from the recipe's network in {', '.join(names)}")
    return network


def _validation(request: TrainRequest) -> Callable[[nn.Module], Mapping[str, float]] | None:
    if request.validation is None:
        return None
    if request.validation_initial is None:
        raise UsageError("--validation needs --validation-initial, a folder of initial depth maps")
    dataset = open_generic(request.validation)
    initial = DepthMaps.of(dataset, request.validation_initial)
    if missing := [frame.name for frame in dataset.frames if frame.name not in initial.paths]:
        raise UsageError(f"{request.validation_initial}: no map named {missing[0]}")

    def measure(network: nn.Module) -> dict[str, float]:
        refiner = Refiner(network, RefineSettings(device=request.device))
        _, summary = evaluate_method(dataset, refiner, initial)
        figures = {name: summary.estimates[name].value for name in columns([summary])}
        return {BEST: figures.pop(BEST), **figures}

    return measure
