"""Time and peak memory of what is made of layers: `python benchmarks/products.py`.

Enlarges an example photo, refines it once a size, and runs each command in a process of its own;
prints a Markdown table of seconds, processor seconds and gigabytes at their peak, files included.
With `--before CHECKOUT` the commands of an earlier version, which refines for itself, run before
those of this one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from processes import ROOT, Used, maskdepth

EXAMPLES = ROOT / "examples"
PHOTO = "friends"
RUN = ("{run}", "-o", "{made}", "--overwrite", "-q")
PRODUCTS = {
    "bokeh": ("bokeh", *RUN),
    "bokeh, background in focus": ("bokeh", *RUN, "--focus", "background"),
    "stereo": ("stereo", *RUN),
    "parallax, 1 second": ("parallax", *RUN, "--seconds", "1"),
    "mesh": ("mesh", *RUN),
    "export": ("export", *RUN),
    "pointcloud, both layers": (
        *("pointcloud", "{photo}", "{run}/layers/foreground/{map}", "--mask", "{mask}"),
        *("--behind", "{run}/layers/background/{map}", "-o", "{made}/a.ply"),
    ),
}


def main() -> None:
    """Run every product at every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[2, 6.7, 27])
    parser.add_argument("--products", nargs="+", default=list(PRODUCTS), choices=list(PRODUCTS))
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="an earlier version")
    given = parser.parse_args()
    codes = [ROOT] if given.before is None else [given.before.resolve(), ROOT]
    headings = ["s", "CPU s", "GB"]
    if given.before is not None:
        headings = [f"{one} {when}" for when in ("before", "after") for one in headings]
    print(f"| megapixels | product | {' | '.join(headings)} |")
    print(f"|---|---|{'---:|' * len(headings)}", flush=True)
    for size in given.megapixels:
        with tempfile.TemporaryDirectory() as name:
            folders = [Path(name) / str(number) for number in range(len(codes))]
            for folder, code in zip(folders, codes, strict=True):
                prepare(folder, size, code)
            for product in given.products:
                row = [measured(product, *one) for one in zip(folders, codes, strict=True)]
                print(f"| {size:g} | {product} | {' | '.join(row)} |", flush=True)


def prepare(folder: Path, megapixels: float, code: Path) -> None:
    """Make a photo of a size with mask and depth, and refine it."""
    image = cv2.imread(str(EXAMPLES / "photos" / f"{PHOTO}.jpg"))
    mask = cv2.imread(str(EXAMPLES / "masks" / f"{PHOTO}.png"), cv2.IMREAD_UNCHANGED)
    factor = (megapixels * 1e6 / image.shape[0] / image.shape[1]) ** 0.5
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    for part in ("photos", "masks", "depths", "made"):
        (folder / part).mkdir(parents=True)
    image, mask = (cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in (image, mask))
    ground = np.linspace(0, 0.8, size[1], dtype=np.float32)[:, None] + np.zeros(size[0], np.float32)
    near = mask if mask.ndim == 2 else mask[..., -1]
    depth = np.where(cv2.GaussianBlur(near, (0, 0), size[1] / 200) > 127, np.float32(0.9), ground)
    depth += np.linspace(0, 0.05, size[0], dtype=np.float32)
    cv2.imwrite(str(folder / "photos/a.jpg"), image)
    cv2.imwrite(str(folder / "masks/a.png"), mask)
    cv2.imwrite(str(folder / "depths/a.png"), np.rint(depth * 65535).astype(np.uint16))
    paths = [str(folder / part) for part in ("photos", "masks", "depths", "run")]
    command = ["refine", paths[0], "--masks", paths[1], "--depths", paths[2], "-o", paths[3]]
    if run([*command, "--layers", "-q"], code) is None:
        sys.exit(f"{code}: maskdepth {' '.join(command)} failed")


def measured(product: str, folder: Path, code: Path) -> str:
    """Run a command; return seconds, processor seconds and gigabytes at the peak, as cells."""
    written = next((folder / "run").glob("a.*")).name
    places = {
        "run": folder / "run",
        "made": folder / "made",
        "photo": folder / "photos/a.jpg",
        "mask": folder / "masks/a.png",
        "map": written,
    }
    used = run([argument.format(**places) for argument in PRODUCTS[product]], code)
    return "-- | -- | --" if used is None else "{:.1f} | {:.1f} | {:.2f}".format(*used)


def run(arguments: list[str], code: Path) -> Used | None:
    """Run a command of a checkout; None: it did not do it."""
    try:
        return maskdepth(*arguments, package=code)
    except subprocess.CalledProcessError:
        return None


if __name__ == "__main__":
    main()
