"""How much of the trainer's time goes into training.

    python benchmarks/train.py --rgbd DATA/train [--recipe FILE --stage N --workers 0 1 2]

In one run on one machine, round by round: iterations on one batch that lies in memory, and
iterations of the whole trainer with data from the disk, for each number of loader processes. The
figure is samples per second of the second over those of the first, medians over all iterations; it
should stay above 0.90. Frames are decoded when they are first drawn, which falls into the time.
Beside it: floating-point operations of an iteration over its time in memory, as a share of those of
one large matrix product on the same device.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from maskdepth_cli.engine.runtime import pick_device
from maskdepth_cli.networks.refinement import RefinementNetwork
from maskdepth_cli.training.catalog import open_frames, open_masks
from maskdepth_cli.training.recipe import Recipe, load_recipe
from maskdepth_cli.training.refinement_task import RefinementTask
from maskdepth_cli.training.trainer import Trainer

RECIPE = Path(__file__).parents[1] / "train/recipes/trust.toml"
FIXED = "in memory"


def make_trainer(recipe: Recipe, arguments: argparse.Namespace, folder: Path) -> Trainer:
    """Return a trainer as `maskdepth train` builds it."""
    frames = open_frames(recipe.frames, arguments.rgbd, arguments.data)
    masks = open_masks(recipe.masks, arguments.masks, arguments.data, frames)
    network = RefinementNetwork(recipe.network)
    task = RefinementTask(recipe, arguments.stage, frames, network, masks)
    return Trainer(
        task,
        recipe.stage1 if arguments.stage == 1 else recipe.stage2,
        folder,
        device=pick_device(arguments.device),
        precision=arguments.precision,
    )


def seconds(trainer: Trainer, batches: Any, iterations: int) -> list[float]:
    """Time iterations, each from asking for its batches to its end; the first is left out."""
    times, started = [], time.perf_counter()
    for _, group in zip(range(iterations + 1), batches, strict=False):
        trainer.step(group)  # fetches the loss, so it waits for the device
        times.append(time.perf_counter() - started)
        started = time.perf_counter()
    return times[1:]


def matmul_rate(device: torch.device, precision: str, side: int) -> float:
    """Return floating-point operations a second of the best of five large matrix products."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    left = torch.randn(side, side, device=device, dtype=kind)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        float((left @ left)[0, 0])
        times.append(time.perf_counter() - started)
    return 2 * side**3 / min(times)


def operations(trainer: Trainer, group: list[Any]) -> int:
    """Count floating-point operations of an iteration: products, convolutions, attention."""
    counter = FlopCounterMode(display=False)
    with counter:
        trainer.step(group)
    return int(counter.get_total_flops())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--stage", type=int, default=2)
    parser.add_argument("--rgbd", type=Path, action="append", default=[])
    parser.add_argument("--masks", type=Path, action="append", default=[])
    parser.add_argument("--data", type=Path, default=Path())
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--iterations", type=int, default=5, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--matmul", type=int, default=2048, help="side of the matrix product")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    recipe = load_recipe(arguments.recipe, arguments.set)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(recipe, arguments, Path(folder))
        group = next(iter(trainer.batches()))
        done = operations(trainer, group)
        times: dict[str, list[float]] = defaultdict(list)
        for _ in range(arguments.rounds):
            endless = iter(lambda: group, None)
            times[FIXED] += seconds(trainer, endless, arguments.iterations)
            for workers in arguments.workers:
                trainer.workers = workers
                name = f"{workers} loader processes"
                times[name] += seconds(trainer, trainer.batches(), arguments.iterations)
        settings = trainer.settings
        size = settings.batch_size * settings.accumulate
        fixed = median(times[FIXED])
        print(f"{trainer.device}, {arguments.precision}, {size} samples an iteration")
        for name, values in times.items():
            share = fixed / median(values)
            print(f"{name:20}{size / median(values):9.2f} samples/s{share:8.3f} of in memory")
        rate, peak = (
            done / fixed,
            matmul_rate(trainer.device, arguments.precision, arguments.matmul),
        )
        print(
            f"{done / 1e9:.1f} GFLOP an iteration, {rate / 1e9:.1f} GFLOP/s: "
            f"{rate / peak:.2f} of a matrix product's {peak / 1e9:.1f}"
        )


if __name__ == "__main__":
    main()
