"""Time and memory of planning and of going on, by the number of files.

    python benchmarks/planning.py [--files N ...]

Photos, masks and depth maps are hard links to few files, a thousand a folder; the finished run is
one photo's, whose line of the manifest stands for every other one's. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
from processes import maskdepth

FOLDER = 1000  # photos of a folder
LINKS = 20_000  # names of one file, which file systems limit


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    print("| photos | plan, s | CPU s | GB | finished run again, s | CPU s | GB |")
    print("|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for count in parser.parse_args().files:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            first = one_photo(root)
            refine = ["refine", root / "photos", "--masks", root / "masks"]
            refine += ["--depths", root / "depths", "-q", "-o"]
            maskdepth(*refine, root / "done")
            for path in first:
                link(path, count)
            finish(root / "done", count)
            planned = maskdepth(*refine, root / "new", "--dry-run")
            again = maskdepth(*refine, root / "done")
        cells = [f"{figure:.2f}" for used in (planned, again) for figure in used]
        print(f"| {count:,} | {' | '.join(cells)} |", flush=True)


def place(index: int) -> str:
    """Where the file of a number lies."""
    return f"{index // FOLDER:04d}/{index % FOLDER:04d}"


def one_photo(root: Path) -> list[Path]:
    """Make a photo, its mask and its depth map; return them."""
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    soft = cv2.GaussianBlur(mask, (0, 0), 2).astype(np.uint16) * 200
    paths = []
    for name, picture in (("photos/{}.jpg", mask), ("masks/{}.png", mask), ("depths/{}.png", soft)):
        paths.append(root / name.format(place(0)))
        paths[-1].parent.mkdir(parents=True)
        cv2.imwrite(str(paths[-1]), picture)
    return paths


def link(first: Path, count: int) -> None:
    """Give the file of number 0 the names of the others; to copies of it where names run out."""
    for index in range(1, count):
        path = first.parents[1] / f"{place(index)}{first.suffix}"
        if index % FOLDER == 0:
            path.parent.mkdir()
        if index % LINKS == 0:
            first = Path(shutil.copy2(first, path))
        else:
            os.link(first, path)


def finish(folder: Path, count: int) -> None:
    """Note the other photos as done as the first one was."""
    manifest = folder / "manifest.jsonl"
    line = manifest.read_text()
    (output,) = json.loads(line)["outputs"].values()
    link(folder / output["path"], count)
    with manifest.open("a") as lines:
        lines.writelines(line.replace(place(0), place(index)) for index in range(1, count))


if __name__ == "__main__":
    main()
