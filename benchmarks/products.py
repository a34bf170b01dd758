"""Time and peak memory of bokeh, stereo, parallax, mesh, export: `python benchmarks/products.py`.

Enlarges an example photo, refines it once a size, and runs each command in a process of its own;
prints a Markdown table of seconds, processor seconds and gigabytes at their peak, files included.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

EXAMPLES = Path(__file__).parents[1] / "examples"
PHOTO = "friends"
PRODUCTS = {
    "bokeh": ["bokeh"],
    "bokeh, background in focus": ["bokeh", "--focus", "background"],
    "stereo": ["stereo"],
    "parallax": ["parallax", "--seconds", "1"],
    "mesh": ["mesh"],
    "export": ["export"],
}


def main() -> None:
    """Run every product at every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[2, 6.7, 27])
    parser.add_argument("--products", nargs="+", default=list(PRODUCTS), choices=list(PRODUCTS))
    parser.add_argument("--code", type=Path, help="checkout whose commands are run over the runs")
    parser.add_argument("--folder", type=Path, help="where runs are kept for the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        print("| megapixels | product | s | CPU s | GB |\n|---|---|---|---|---|")
        for size in given.megapixels:
            run = prepare(folder / f"{size:g}", size)
            for product in given.products:
                target = Path(name) / "made"
                arguments = [*PRODUCTS[product], str(run), "-o", str(target), "--overwrite", "-q"]
                wall, busy, peak = measured(arguments, given.code)
                print(
                    f"| {size:g} | {product} | {wall:.1f} | {busy:.1f} | {peak:.2f} |", flush=True
                )


def prepare(folder: Path, megapixels: float) -> Path:
    """Make a photo of a size with mask and depth, and refine it; return the run."""
    if (folder / "refined").exists():
        return folder / "refined"
    image = cv2.imread(str(EXAMPLES / "photos" / f"{PHOTO}.jpg"))
    mask = cv2.imread(str(EXAMPLES / "masks" / f"{PHOTO}.png"), cv2.IMREAD_UNCHANGED)
    factor = (megapixels * 1e6 / image.shape[0] / image.shape[1]) ** 0.5
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    for part in ("photos", "masks", "depths"):
        (folder / part).mkdir(parents=True)
    image, mask = (cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in (image, mask))
    ground = np.linspace(0, 0.9, size[1], dtype=np.float32)[:, None] + np.zeros(size[0], np.float32)
    near = mask if mask.ndim == 2 else mask[..., -1]
    depth = np.where(cv2.GaussianBlur(near, (0, 0), size[1] / 200) > 127, np.float32(1), ground)
    cv2.imwrite(str(folder / "photos/a.jpg"), image)
    cv2.imwrite(str(folder / "masks/a.png"), mask)
    cv2.imwrite(str(folder / "depths/a.png"), np.rint(depth * 65535).astype(np.uint16))
    paths = [str(folder / part) for part in ("photos", "masks", "depths", "refined")]
    measured(
        ["refine", paths[0], "--masks", paths[1], "--depths", paths[2], "-o", paths[3], "--layers"]
    )
    return folder / "refined"


def measured(arguments: list[str], code: Path | None = None) -> tuple[float, float, float]:
    """Run the command; return seconds, processor seconds and gigabytes at the peak."""
    environment = dict(os.environ)
    if code is not None:
        environment["PYTHONPATH"] = str(code.resolve())
    begun = time.perf_counter()
    command = [sys.executable, "-m", "maskdepth_cli", *arguments]
    process = os.spawnve(os.P_NOWAIT, sys.executable, command, environment)
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit(f"{' '.join(arguments)}: failed")
    wall = time.perf_counter() - begun
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6


if __name__ == "__main__":
    main()
