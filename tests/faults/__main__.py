"""Make the tables of docs/reliability.md: `python -m tests.faults [PART ...]`."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
os.environ["OMP_NUM_THREADS"] = "2"
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])

from faults import disturbances, fuzzing, inputs, load  # noqa: E402
from launching import nursery, save_untrained  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"


def _disturbances(folder: Path, arguments: argparse.Namespace) -> str:
    weights = save_untrained(folder / "untrained.safetensors")
    rows = []
    with nursery() as running:
        site = disturbances.Site(folder, running, weights, arguments.photos)
        for title, case in disturbances.CASES.items():
            print(title, file=sys.stderr, flush=True)
            times = max(1, arguments.times // 5) if "loaded" in title else arguments.times
            rows.append((title, _outcome(lambda case=case, times=times: case(site, times))))
    return _table(("what happens", "what comes of it"), rows)


def _inputs(folder: Path, arguments: argparse.Namespace) -> str:
    weights = save_untrained(folder / "untrained.safetensors")
    return _table(
        ("file", "exit code and line"),
        inputs.tried(folder, weights, [*inputs.trials(), *inputs.bombs_tried()]),
    )


def _fuzz(folder: Path, arguments: argparse.Namespace) -> str:
    rows = []
    total, wrong = 0, 0
    for title in fuzzing.KINDS:
        count = arguments.mutants // len(fuzzing.KINDS)
        tally = fuzzing.fuzz(title, count)
        print(title, *tally.faults, sep="\n", file=sys.stderr, flush=True)
        total, wrong = total + count, wrong + len(tally.faults)
        rows.append(
            (
                title,
                str(count),
                str(tally.results),
                str(tally.lines),
                str(len(tally.faults)),
                f"{tally.seconds:.2f} s",
                f"{tally.mebibytes:.0f} MiB",
            )
        )
    head = ("files", "mutants", "results", "lines", "faults", "slowest mutant", "largest")
    return f"{_table(head, rows)}\n\n{total} mutants, {wrong} faults."


def _load(folder: Path, arguments: argparse.Namespace) -> str:
    weights = save_untrained(folder / "untrained.safetensors")
    return load.table(load.load(folder, weights, tuple(arguments.counts)))


def _outcome(case: Callable[[], str]) -> str:
    try:
        return case()
    except AssertionError as error:
        return f"**FAILED**: {error}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    clean = ([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in lines)
    return "\n".join(f"| {' | '.join(row)} |" for row in clean)


PARTS = {"disturbances": _disturbances, "inputs": _inputs, "fuzz": _fuzz, "load": _load}


def main() -> None:
    """Run parts; put each table into the page, or print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--times", type=int, default=50, help="signals of each kind")
    parser.add_argument("--photos", type=int, default=60, help="in a disturbed run")
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--counts", type=int, nargs="+", default=[200, 2000, 20_000])
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    failed = False
    for name in arguments.parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            table = PARTS[name](Path(folder), arguments)
        failed |= "FAILED" in table
        if not arguments.write:
            print(table, flush=True)
            continue
        place = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = place.sub(lambda m, t=table: f"{m[1]}{t}\n{m[2]}", PAGE.read_text("utf-8"))
        PAGE.write_text(page, "utf-8")
    sys.exit(failed)


if __name__ == "__main__":
    main()
