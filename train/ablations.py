"""Train the compared networks of the paper's Tables 1 and 3 at equal compute, and evaluate them.

    python train/ablations.py --rgbd DATA/train --root DATA/val --initial MAPS --samples 8000

Every method sees as many samples: those of one stage all of them in it, those of both stages half
in each. Run again, it goes on where it stopped; what is finished is not trained again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from maskdepth_cli.training.recipe import load_recipe

RECIPES = Path(__file__).parent / "recipes/ablations"
WARMUP = 0.05  # of the iterations


@dataclass(frozen=True)
class Run:
    """One training."""

    name: str
    recipe: str
    stage: int
    share: float = 1.0  # of the samples
    start: str | None = None  # run whose weights it starts from
    method: str | None = None  # what `maskdepth evaluate` calls the result


RUNS = (
    Run("stage1", "layered", 1, method="layered-ours"),
    Run("stage2", "layered", 2, method="ours-stage2"),
    Run("stage2-no-holes", "no-holes", 2, method="ours-stage2-no-holes"),
    Run("first", "layered", 1, 0.5),
    Run("both", "layered", 2, 0.5, "first", "ours"),
    Run("both-no-holes", "no-holes", 2, 0.5, "first", "ours-no-holes"),
    Run("direct-composite", "direct-composite", 2, method="direct-composite"),
    Run("direct-paired", "direct-paired", 2, method="direct-paired"),
)


def command(run: Run, arguments: argparse.Namespace) -> list[str]:
    """Return the training command of a run."""
    recipe = RECIPES / f"{run.recipe}.toml"
    loaded = load_recipe(recipe, arguments.set)
    settings = loaded.stage1 if run.stage == 1 else loaded.stage2
    per_iteration = settings.batch_size * settings.accumulate
    iterations = max(round(arguments.samples * run.share / per_iteration), 1)
    section = f"stage{run.stage}"
    changes = [
        *arguments.set,
        f"{section}.iterations={iterations}",
        f"{section}.warmup={round(WARMUP * iterations)}",
    ]
    sources = [f"--rgbd={folder}" for folder in arguments.rgbd]
    sources += [f"--masks={folder}" for folder in arguments.masks]
    start = [f"--start={weights(run.start, arguments)}"] if run.start else []
    return [
        *(sys.executable, "-m", "maskdepth_cli", "train", "--stage", str(run.stage)),
        *("--recipe", str(recipe), "--output", str(arguments.output / run.name)),
        *("--device", arguments.device, "--precision", arguments.precision),
        *("--threads", str(arguments.threads), "--workers", str(arguments.workers)),
        *(f"--set={change}" for change in changes),
        *(*sources, *start),
    ]


def weights(name: str, arguments: argparse.Namespace) -> Path:
    """Return the weights file of a run."""
    return Path(arguments.output, name, "weights.safetensors")


def evaluate(arguments: argparse.Namespace, table: int) -> list[str]:
    """Return the command that measures all that was trained, arranged as a table of the paper."""
    methods = [f"{run.method}:{weights(run.name, arguments)}" for run in RUNS if run.method]
    return [
        *(sys.executable, "-m", "maskdepth_cli", "evaluate", "--root", str(arguments.root)),
        *("--initial", str(arguments.initial), "--output", str(arguments.output / "evaluation")),
        *("--device", arguments.device, "--table", str(table), "--limit", str(arguments.limit)),
        *("--markdown", str(arguments.output / f"table{table}.md")),
        *("--merge", arguments.merge),
        *(part for method in [*methods, "layered-propagation"] for part in ("--method", method)),
    ]


def main() -> None:
    """Train and evaluate."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rgbd", type=Path, action="append", required=True)
    parser.add_argument("--masks", type=Path, action="append", default=[])
    parser.add_argument("--root", type=Path, required=True, help="held-out set: rgb, depth, seg")
    parser.add_argument("--initial", type=Path, required=True, help="its initial depth maps")
    parser.add_argument("--samples", type=int, required=True, help="each method sees")
    parser.add_argument("--limit", type=int, default=10**9, help="evaluate so many frames")
    parser.add_argument("--output", "-o", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--merge", default="largest", help="one rule for all; largest: the paper's")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    for run in RUNS:
        print(f"{run.name}: stage {run.stage} of {run.recipe}", flush=True)
        subprocess.run(command(run, arguments), check=True)
    for table in (1, 3):
        subprocess.run(evaluate(arguments, table), check=True)


if __name__ == "__main__":
    main()
