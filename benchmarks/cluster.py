"""How fast a Ray cluster of two workers on this machine is, compared with the local pipeline.

    python benchmarks/cluster.py [--photos N] [--rounds N] [--workers N] [REFINE OPTIONS ...]

JPEG photos of 2 megapixels with a mask and an initial depth map each, 16-bit PNG out. Start-up is
left aside: the time counts from the end of the first tenth of the photos to the end of the last.
The photos are shared out to rounds in which both run one after the other; of the ratios the median
counts, so that what else the machine does weighs little.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH, DIFFERENT = 1250, 1600, 8


def make_album(root: Path, photos: int) -> None:
    """Write a few photos of noise with an ellipse, and link them to as many names as wanted."""
    rng = np.random.default_rng(0)
    for folder in ("photos", "masks", "depths"):
        (root / folder).mkdir()
    for index in range(photos):
        name = f"{index:04}"
        files = {"photos": f"{name}.jpg", "masks": f"{name}.png", "depths": f"{name}.png"}
        if index >= DIFFERENT:
            for folder, file in files.items():
                source = f"{index % DIFFERENT:04}{Path(file).suffix}"
                os.link(root / folder / source, root / folder / file)
            continue
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        axes = int(rng.integers(200, 400)), int(rng.integers(200, 400))
        cv2.ellipse(mask, (WIDTH // 2, HEIGHT // 2), axes, 0, 0, 360, color=255, thickness=-1)
        texture = cv2.GaussianBlur(rng.normal(120, 60, (HEIGHT, WIDTH, 3)), (0, 0), 2)
        depth = cv2.GaussianBlur(10000 + 150.0 * mask, (0, 0), 8) + np.arange(HEIGHT)[:, None]
        pictures = {
            "photos": np.clip(texture + mask[..., None] / 4, 0, 255).astype(np.uint8),
            "masks": mask,
            "depths": depth.astype(np.uint16),
        }
        for folder, file in files.items():
            assert cv2.imwrite(str(root / folder / file), pictures[folder])


def rate(root: Path, target: str, photos: int, options: list[str]) -> float:
    """Return the photos a second of a run, without its start."""
    command = [sys.executable, "-m", "maskdepth_cli", "refine", str(root / "photos"), "--json"]
    command += ["--masks", str(root / "masks"), "--depths", str(root / "depths")]
    command += ["-o", str(root / target), "--quiet", *options]
    arrivals = []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        for line in process.stdout:
            assert json.loads(line)["status"] == "done"
            arrivals.append(time.perf_counter())
    assert process.returncode == 0
    assert len(arrivals) == photos
    first = photos // 10
    return (photos - 1 - first) / (arrivals[-1] - arrivals[first])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    chosen, options = parser.parse_known_args()
    photos = chosen.photos // chosen.rounds
    cluster = [*options, "--executor", "ray", "--ray-workers", str(chosen.workers)]
    print(f"{chosen.rounds} x {photos} photos of {WIDTH}x{HEIGHT}; {' '.join(options)}")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_album(root, photos)
        for number in range(chosen.rounds):
            local = rate(root, f"local-{number}", photos, options)
            ray = rate(root, f"ray-{number}", photos, cluster)
            ratios.append(ray / local)
            print(
                f"local {local:.2f}, ray with {chosen.workers} workers {ray:.2f} photos a second: "
                f"ratio {ratios[-1]:.2f}",
                flush=True,
            )
        same = all(
            (root / "ray-0" / path.name).read_bytes() == path.read_bytes()
            for path in (root / "local-0").glob("*.png")
        )
    print(f"median ratio {statistics.median(ratios):.2f}; files {'equal' if same else 'differ'}")


if __name__ == "__main__":
    main()
