"""What refinement costs: one photo, many instances, folders, memory and start-up.

    python benchmarks/refine.py [PART ...] [--json FILE]

All figures of a part come from one run, so that their ratios hold however busy the machine is.
Networks other than `trust` and `lite` have random weights: they cost what trained ones do. A folder
is compared with what `Predictor` and `Refiner` reach on arrays that wait in memory, and with their
networks' forward passes alone, both with as many photos at once as the command takes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from albums import TWO_MEGAPIXELS, filigree, scene, write_album
from processes import ROOT, Used, maskdepth, python

from maskdepth_cli import load_predictor, load_refiner
from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.runtime import autocast, divide_cores
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.networks.config import SIZES, RefinementConfig
from maskdepth_cli.networks.refinement import RefinementNetwork
from maskdepth_cli.side.dpt import dpt_large
from maskdepth_cli.side.predictor import Predictor
from maskdepth_cli.side.preprocessing import PREPROCESSING

SIDES = {0.3: (480, 640), 2: TWO_MEGAPIXELS, 12: (3000, 4000), 50: (6124, 8164)}
Figures = dict[str, float]


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


def command(root: Path, *, given: bool = True, package: Path = ROOT) -> Used:
    """Run `maskdepth refine` in a fresh process."""
    depth = ["--depths", root / "depths"] if given else ["--model", "lite"]
    arguments = ["refine", root / "photos", "--masks", root / "masks", "-q", *depth]
    return maskdepth(*arguments, "-o", root / "out", "--overwrite", package=package)


def memory() -> Figures:
    """Peak memory by size and by masks, each in a process of its own."""
    figures = {}
    cases = [(megapixels, size, 1) for megapixels, size in SIDES.items()]
    for megapixels, size, masks in [*cases, (2, TWO_MEGAPIXELS, 64)]:
        with tempfile.TemporaryDirectory() as folder:
            write_album(Path(folder), [scene(size, masks)], 1)
            peak = command(Path(folder)).gigabytes
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
        write_album(Path(root), [(photo, depth, ids)], photos)
        write_album(Path(root) / "few", [(photo, depth, ids)], 4)
        for case, work, given in (("depth predicted", both, False), ("depth given", refine, True)):
            passes = forward_passes([refiner.network, lite.network], work)
            alone, in_memory = [side_by_side(passes)], [side_by_side(work)]
            few = command(Path(root) / "few", given=given).seconds
            whole = command(Path(root), given=given).seconds
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


def folder_of_filigree(photos: int, against: Path | None) -> Figures:
    """Rate of a folder with filigree masks beside that of the engine, and of an earlier version."""
    refiner = load_refiner("trust", layers=False)
    scenes = [filigree(TWO_MEGAPIXELS, index) for index in range(12)]
    masks = np.stack([mask for _, _, mask in scenes])
    waiting = itertools.cycle(scenes)

    def refine() -> None:
        refiner.refine(*next(waiting))

    figures: Figures = {
        "photos": photos,
        "soft pixels, share": float(((masks > 0.02) & (masks < 0.98)).mean()),
    }
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_album(root, scenes, photos)
        write_album(root / "few", scenes, 4)
        in_memory = [side_by_side(refine)]
        few, whole = command(root / "few"), command(root)
        in_memory.append(side_by_side(refine))
        each = (whole.seconds - few.seconds) / (photos - 4)
        figures |= {
            "whole command, s a photo": whole.seconds / photos,
            "start-up left aside, s a photo": each,
            "start-up left aside, CPU s a photo": (whole.cpu - few.cpu) / (photos - 4),
            "arrays, side by side, s": sum(in_memory) / 2,
            "rate beside arrays (0.9)": sum(in_memory) / 2 / each,
        }
        if against:
            few, old = command(root / "few", package=against), command(root, package=against)
            figures |= {
                "before: whole command, s a photo": old.seconds / photos,
                "before: start-up left aside, CPU s a photo": (old.cpu - few.cpu) / (photos - 4),
                "rate beside before (1.6)": old.seconds / whole.seconds,
                "before, start-up left aside": (old.seconds - few.seconds) / (photos - 4) / each,
            }
    return figures


def startup() -> Figures:
    """Start-up time of the commands."""

    def run(*arguments: str) -> float:
        return seconds(lambda: python(["-m", "maskdepth_cli", *arguments]), 3)

    return {"maskdepth --help, s": run("--help"), "maskdepth models list, s": run("models", "list")}


def main() -> None:
    """Measure and print."""
    parts: dict[str, Callable[[], Figures]] = {
        "single": single,
        "instances": instances,
        "memory": memory,
        "folder": lambda: folder(arguments.photos),
        "filigree": lambda: folder_of_filigree(arguments.photos, arguments.against),
        "startup": startup,
    }
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--against", type=Path, help="another checkout, for filigree")
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
