"""What an evaluation costs beside the methods themselves.

    python benchmarks/evaluate.py [--root SET --initial MAPS] [--frames N] [--method SPEC ...]

Without a set, frames are made up. For every method: its own time per frame (alone, one after the
other), the time of scoring, and the whole evaluation per frame, from reading files to the report.
All figures are of one run on one machine; the last column is a ratio to the slowest method's own
time and should stay below 3 for each method, or the metrics dominate.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from maskdepth_cli.datasets.catalog import open_dataset
from maskdepth_cli.datasets.samples import DepthDataset
from maskdepth_cli.evaluation.initial_depth import DepthMaps
from maskdepth_cli.evaluation.methods import Method, parse_methods
from maskdepth_cli.evaluation.stages import EvaluateRequest, evaluate
from maskdepth_cli.run.manifest import Manifest
from maskdepth_cli.run.options import RunOptions

HEIGHT, WIDTH, OBJECTS = 384, 512, 10


def make_set(root: Path, frames: int) -> None:
    """Write frames of random ellipses before a slanted wall, with blurred initial maps."""
    rng = np.random.default_rng(0)
    for folder in ("rgb", "depth", "seg", "initial"):
        (root / folder).mkdir(parents=True)
    for index in range(frames):
        depth = np.linspace(8000, 20000, HEIGHT)[:, None] + np.zeros((1, WIDTH))
        seg = np.zeros((HEIGHT, WIDTH), np.uint8)
        photo = rng.normal(120, 20, (HEIGHT, WIDTH, 3))
        for number in range(1, OBJECTS + 1):
            blob = np.zeros((HEIGHT, WIDTH), np.uint8)
            centre = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
            axes = int(rng.integers(25, 90)), int(rng.integers(25, 90))
            cv2.ellipse(blob, centre, axes, float(rng.integers(180)), 0, 360, color=1, thickness=-1)
            depth[blob > 0] = rng.uniform(15000, 60000)
            seg[blob > 0] = number
            photo[blob > 0] += rng.normal(0, 50, 3)
        name = f"{index:03d}"
        initial = cv2.GaussianBlur(depth, (0, 0), 2.5)
        cv2.imwrite(str(root / f"rgb/{name}.jpg"), np.clip(photo, 0, 255).astype(np.uint8))
        cv2.imwrite(str(root / f"depth/{name}.png"), depth.astype(np.uint16))
        cv2.imwrite(str(root / f"seg/{name}.png"), seg)
        cv2.imwrite(str(root / f"initial/{name}.png"), initial.astype(np.uint16))


def own_time(method: Method, dataset: DepthDataset, initial: DepthMaps) -> float:
    """Return the seconds per frame of a method alone, its loading left aside."""
    assert method.load is not None
    refiner = method.load()
    samples = [(sample, initial(sample)) for sample in dataset]
    refiner.refine_instances(samples[0][0].image, samples[0][1], samples[0][0].instances)
    start = time.perf_counter()
    for sample, depth in samples:
        refiner.refine_instances(sample.image, depth, sample.instances)
    return (time.perf_counter() - start) / len(samples)


def evaluation_time(
    methods: list[Method], dataset: DepthDataset, initial: Path, workers: int
) -> tuple[float, float]:
    """Return seconds per frame of a whole evaluation, and of scoring the last method in it."""
    with tempfile.TemporaryDirectory() as folder:
        request = EvaluateRequest(dataset, tuple(methods), initial)
        start = time.perf_counter()
        evaluate(request, RunOptions(Path(folder), quiet=True, threads=workers))
        seconds = (time.perf_counter() - start) / len(dataset)
        manifests = sorted(Path(folder).glob("scores/*/manifest.jsonl"), key=_modified)
        scoring = [row.details["scoring_seconds"] for row in Manifest(manifests[-1])]
    return seconds, float(np.mean(scoring))


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path)
    parser.add_argument("--initial", type=Path)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--method", action="append", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = arguments.root or Path(folder) / "set"
        if arguments.root is None:
            make_set(root, arguments.frames)
        initial = arguments.initial or root / "initial"
        dataset = open_dataset("generic", root).limited(arguments.frames)
        methods, notes = parse_methods(tuple(arguments.method), {"device": "cpu"})
        print("\n".join(notes))
        maps = DepthMaps.of(dataset, initial)
        own = {method.label: own_time(method, dataset, maps) for method in methods[1:]}
        slowest = max(own, key=lambda label: own[label])
        print(f"{'seconds a frame':22}{'own':>8}{'scoring':>9}{'evaluated':>11}{'ratio':>8}")
        for method in methods[1:]:
            whole, scoring = evaluation_time(
                [methods[0], method], dataset, initial, arguments.workers
            )
            line = f"{method.label:22}{own[method.label]:8.3f}{scoring:9.3f}{whole:11.3f}"
            print(f"{line}{whole / own[slowest]:8.2f}")
        whole, _ = evaluation_time(methods, dataset, initial, arguments.workers)
        print(f"{'all of them at once':22}{'':8}{'':9}{whole:11.3f}{whole / own[slowest]:8.2f}")
        print(f"ratio: evaluated to the own time of the slowest, {slowest}")


if __name__ == "__main__":
    main()
