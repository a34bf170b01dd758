"""What refinement costs: one photo, many instances, folders, memory and start-up.

    python benchmarks/refine.py [PART ...] [--json FILE]

All figures of a part come from one run, so that their ratios hold however busy the machine is.
Networks other than `trust` and `lite` have random weights: they cost what trained ones do. A folder
is compared with what `Predictor` and `Refiner` reach on arrays that wait in memory, and with their
networks' forward passes alone, both with as many photos at once as the command takes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from maskdepth_cli import load_predictor, load_refiner
from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.runtime import autocast, divide_cores
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.files.depth_writing import write_depth
from maskdepth_cli.networks.config import SIZES, RefinementConfig
from maskdepth_cli.networks.refinement import RefinementNetwork
from maskdepth_cli.side.dpt import dpt_large
from maskdepth_cli.side.predictor import Predictor
from maskdepth_cli.side.preprocessing import PREPROCESSING

TWO_MEGAPIXELS = (1224, 1632)
SIDES = {0.3: (480, 640), 2: TWO_MEGAPIXELS, 12: (3000, 4000), 50: (6124, 8164)}
Figures = dict[str, float]

# The peak that the system notes for a child begins with its parent's; VmHWM is the process's own.
_CHILD = """
import re
from maskdepth_cli.__main__ import main
try:
    main()
finally:
    print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
"""


def scene(size: tuple[int, int], instances: int) -> tuple[Any, Any, Any]:
    """Draw discs in a grid that cover a third of a photo; the depth of their edges is soft."""
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    columns = int(np.ceil(np.sqrt(instances)))
    rows = -(-instances // columns)
    cell = y * rows // height * columns + x * columns // width  # (H, W), index of the disc
    radius = np.sqrt(height * width / (3 * np.pi * rows * columns))
    down = (y * rows / height) % 1 - 0.5
    along = (x * columns / width) % 1 - 0.5
    disc = np.hypot(down * height / rows, along * width / columns) < radius
    ids = np.where(disc & (cell < instances), cell + 1, 0).astype(np.int32)
    depth = np.where(ids > 0, 6 + cell % 5, 1 + y / height).astype(np.float32)
    depth = cv2.GaussianBlur(depth, (0, 0), 0.004 * width)
    noise = np.random.default_rng(0).integers(0, 60, (height, width, 1), dtype=np.uint8)
    photo = cv2.blur(noise, (5, 5))[..., None] + (ids[..., None] * [37, 61, 89] % 190)
    return photo.astype(np.uint8), depth, ids


def seconds(work: Callable[[], Any], repeats: int = 5) -> float:
    """Return the median of several runs after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def small_refiner(precision: str) -> Refiner:
    """Build a refiner of size small with random weights."""
    config = RefinementConfig(**{**vars(SIZES["small"]), "form": "completion"})
    return Refiner(RefinementNetwork(config), RefineSettings(precision=precision, layers=False))


def single() -> Figures:
    """Time one photo with one mask, beside prediction."""
    photo, depth, ids = scene(TWO_MEGAPIXELS, 1)
    mask = (ids > 0).astype(np.float32)
    figures = {}
    for precision in ("auto", "fp32", "bf16"):
        for name, refiner in (
            ("trust", load_refiner("trust", precision=precision, layers=False)),
            ("small", small_refiner(precision)),
        ):
            figures[f"refine {name} {precision}, s"] = seconds(
                partial(refiner.refine, photo, depth, mask)
            )
    whole = load_refiner("trust")
    figures["refine trust auto, both layers, s"] = seconds(
        partial(whole.refine, photo, depth, mask)
    )
    lite = load_predictor("lite")
    figures["predict lite, s"] = seconds(lambda: lite.predict(photo))
    large = Predictor(dpt_large(), PREPROCESSING["dpt-large"])
    figures["predict dpt-large, s"] = seconds(lambda: large.predict(photo), 3)
    for name in ("trust", "small"):
        own = figures[f"refine {name} auto, s"]
        figures[f"{name} / dpt-large (0.2)"] = own / figures["predict dpt-large, s"]
        figures[f"{name} / lite (4)"] = own / figures["predict lite, s"]
    trust = load_refiner("trust", layers=False)
    for megapixels, size in SIDES.items():
        photo, depth, ids = scene(size, 1)
        mask = (ids > 0).astype(np.float32)
        figures[f"refine trust {megapixels} MP, s"] = seconds(
            partial(trust.refine, photo, depth, mask), 3
        )
    return figures


def instances() -> Figures:
    """Time and ratio by the number of instances, 2 megapixels."""
    figures, one = {}, 0.0
    for windows in (True, False):
        refiner = load_refiner("trust", layers=False, min_instance_share=0.0, windows=windows)
        for count in (1, 4, 16, 64) if windows else (1, 16):
            photo, depth, ids = scene(TWO_MEGAPIXELS, count)
            label = f"{count} instances" + ("" if windows else ", no windows")
            taken = seconds(
                lambda r=refiner, p=photo, d=depth, i=ids: r.refine_instances(p, d, i), 3
            )
            one = one or taken
            figures[f"{label}, s"] = taken
            figures[f"{label}, ratio"] = taken / one
    return figures


def write_album(root: Path, size: tuple[int, int], photos: int, masks: int) -> None:
    """Write photos, their masks and their initial depth."""
    photo, depth, ids = scene(size, masks)
    for index in range(photos):
        name = f"{index:03d}"
        (root / "masks" / name).mkdir(parents=True)
        for folder in ("photos", "depths"):
            (root / folder).mkdir(exist_ok=True)
        cv2.imwrite(str(root / f"photos/{name}.jpg"), np.roll(photo, index, 1))
        span = float(depth.min()), float(depth.max())
        write_depth(root / f"depths/{name}.png", depth, format="png16", png_range=span)
        for number in range(1, masks + 1):
            mask = np.where(ids == number, 255, 0).astype(np.uint8)
            cv2.imwrite(str(root / f"masks/{name}/{number:03d}.png"), mask)


def command(root: Path, *, given: bool = True) -> tuple[float, float]:
    """Run `maskdepth refine` in a fresh process; return seconds and peak gigabytes."""
    arguments = ["refine", str(root / "photos"), "--masks", str(root / "masks"), "-q"]
    arguments += ["--depths", str(root / "depths")] if given else ["--model", "lite"]
    arguments += ["-o", str(root / "out"), "--overwrite"]
    start = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", _CHILD, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return time.perf_counter() - start, float(ended.stdout.split()[-1]) / 1e6


def memory() -> Figures:
    """Peak memory by size and by masks, each in a process of its own."""
    figures = {}
    cases = [(megapixels, size, 1) for megapixels, size in SIDES.items()]
    for megapixels, size, masks in [*cases, (2, TWO_MEGAPIXELS, 64)]:
        with tempfile.TemporaryDirectory() as folder:
            write_album(Path(folder), size, 1, masks)
            peak = command(Path(folder))[1]
        figures[f"{megapixels} MP, {masks} masks, GB"] = peak
    growth = figures["2 MP, 64 masks, GB"] / figures["2 MP, 1 masks, GB"]
    figures["64 masks / 1 (1.2)"] = growth
    return figures


def side_by_side(work: Callable[[], Any], items: int = 24) -> float:
    """Return the seconds an item that `work` takes as the command does it: one a core at once."""
    cores = divide_cores(torch.device("cpu"), items)

    def one(_: int) -> None:
        with cores.share():
            work()

    with ThreadPoolExecutor(cores.items) as pool:
        list(pool.map(one, range(cores.items)))
        start = time.perf_counter()
        list(pool.map(one, range(items)))
        return (time.perf_counter() - start) / items


def forward_passes(networks: Sequence[Any], work: Callable[[], Any]) -> Callable[[], None]:
    """Return what calls the networks as `work` does, on the same inputs, and nothing else."""
    calls: list[tuple[Any, tuple[Any, ...]]] = []
    hooks = [
        network.register_forward_pre_hook(lambda module, inputs: calls.append((module, inputs)))
        for network in networks
    ]
    work()
    for hook in hooks:
        hook.remove()
    device, dtype = torch.device("cpu"), load_refiner("trust").dtype

    def again() -> None:
        with torch.inference_mode():
            for module, inputs in calls:
                half = dtype if isinstance(module, RefinementNetwork) else None
                with autocast(device, half):
                    module(*inputs)

    return again


def folder(photos: int) -> Figures:
    """Rate of a folder beside that of its networks, with and without depth maps that are there."""
    refiner, lite = load_refiner("trust", layers=False), load_predictor("lite")
    photo, depth, ids = scene(TWO_MEGAPIXELS, 1)
    mask = (ids > 0).astype(np.float32)

    def refine() -> None:
        refiner.refine(photo, depth, mask)

    def both() -> None:
        refiner.refine(photo, lite.predict(photo), mask)

    figures: Figures = {"photos": photos}
    with tempfile.TemporaryDirectory() as root:
        write_album(Path(root), TWO_MEGAPIXELS, photos, 1)
        write_album(Path(root) / "few", TWO_MEGAPIXELS, 4, 1)
        for case, work, given in (("depth predicted", both, False), ("depth given", refine, True)):
            passes = forward_passes([refiner.network, lite.network], work)
            alone, in_memory = [side_by_side(passes)], [side_by_side(work)]
            few = command(Path(root) / "few", given=given)[0]
            whole = command(Path(root), given=given)[0]
            alone.append(side_by_side(passes))
            in_memory.append(side_by_side(work))
            each = (whole - few) / (photos - 4)
            figures |= {
                f"{case}, whole command, s a photo": whole / photos,
                f"{case}, start-up left aside, s a photo": each,
            }
            for label, measured in (
                ("arrays, one by one", [seconds(work, 15)]),
                ("arrays, side by side", in_memory),
                ("forward passes, side by side", alone),
            ):
                mean = sum(measured) / len(measured)
                figures[f"{case}, {label}, s"] = mean
                figures[f"{case}, {label}: rate (0.85)"] = mean / each
                figures[f"{case}, {label}: with start-up"] = mean * photos / whole
    return figures


def startup() -> Figures:
    """Start-up time of the commands."""

    def run(*arguments: str) -> float:
        line = [sys.executable, "-m", "maskdepth_cli", *arguments]
        return seconds(lambda: subprocess.run(line, check=True, capture_output=True), 3)

    return {"maskdepth --help, s": run("--help"), "maskdepth models list, s": run("models", "list")}


def main() -> None:
    """Measure and print."""
    parts: dict[str, Callable[[], Figures]] = {
        "single": single,
        "instances": instances,
        "memory": memory,
        "folder": lambda: folder(arguments.photos),
        "startup": startup,
    }
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    report: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, torch: {torch.get_num_threads()}",
        "torch": torch.__version__,
    }
    print(report["machine"], "torch", report["torch"], flush=True)
    for name in arguments.parts or parts:
        report[name] = parts[name]()
        print(f"\n{name}")
        for label, value in report[name].items():
            print(f"  {label:54}{value:9.3f}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
