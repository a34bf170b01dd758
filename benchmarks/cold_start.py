"""From the command line to the finished file for one photo of 2 megapixels, beside `import torch`.

    python benchmarks/cold_start.py [--rounds N] [--against CHECKOUT]

Every run is a process of its own; medians of wall and CPU seconds.
With --against, another checkout is measured in the same rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import cv2
import numpy as np
from processes import ROOT, python

PHOTO = ROOT / "examples" / "photos" / "flower.jpg"
MASK = ROOT / "examples" / "masks" / "flower.png"
SIZE = (1632, 1224)  # width and height: 2.0 megapixels


def inputs(folder: Path) -> None:
    """Write a photo, its mask and a blurred depth map."""
    photo, mask = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (PHOTO, MASK))
    mask = cv2.resize(mask, SIZE, interpolation=cv2.INTER_AREA)
    rows = np.linspace(0.2, 0.5, SIZE[1], dtype=np.float32)[:, None]
    depth = cv2.GaussianBlur(rows + mask / np.float32(255 * 3), (0, 0), 12)
    for name, picture in (
        ("photos/a.jpg", cv2.resize(photo, SIZE, interpolation=cv2.INTER_CUBIC)),
        ("masks/a.png", mask),
        ("depths/a.png", np.rint(depth * 65535).astype(np.uint16)),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name), picture)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, help="another checkout of this repository")
    chosen = parser.parse_args()
    refine = ["-m", "maskdepth_cli", "refine", "photos", "--masks", "masks", "--overwrite"]
    packages = {"": ROOT} | ({"before: ": chosen.against.resolve()} if chosen.against else {})
    cases = {"import torch": (["-c", "import torch"], ROOT)}
    for label, package in packages.items():
        cases[f"{label}refine, depth map given"] = ([*refine, "--depths", "depths"], package)
        cases[f"{label}refine, depth by lite"] = ([*refine, "--model", "lite"], package)
    with tempfile.TemporaryDirectory() as name:
        inputs(Path(name))
        found: dict[str, list[tuple[float, float]]] = {case: [] for case in cases}
        for _ in range(chosen.rounds):
            for case, (arguments, package) in cases.items():
                found[case].append(python(arguments, package, Path(name))[1:])
    base = [statistics.median(column) for column in zip(*found["import torch"], strict=True)]
    print(f"medians of {chosen.rounds}: wall and CPU seconds, and these beyond `import torch`")
    for case, runs in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{case:36} {wall:6.2f} {cpu:6.2f}   {wall - base[0]:+6.2f} {cpu - base[1]:+6.2f}")


if __name__ == "__main__":
    main()
