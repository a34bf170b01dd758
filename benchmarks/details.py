"""What single steps cost and change: precisions on a validation set, encoders of depth maps.

python benchmarks/details.py precision VAL   # VAL: rgb, seg, initial/simulated
python benchmarks/details.py encoders PHOTO [PHOTO ...]
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from maskdepth_cli import load_predictor, load_refiner
from maskdepth_cli.files.depth_writing import write_depth
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_photo
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.files.scales import Scale

TWO_MEGAPIXELS = (1632, 1224)  # width and height
LEVEL_1 = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def precision(val: Path) -> None:
    """Print by how much of the range `auto` differs from float32."""
    auto, full = load_refiner(precision="auto"), load_refiner(precision="fp32")
    everywhere, changed, worst = [], [], 0.0
    for path in sorted((val / "rgb").glob("*.jpg")):
        photo, ids = read_photo(path), read_instance_map(val / f"seg/{path.stem}.png")
        depth = read_depth(val / f"initial/simulated/{path.stem}.png", "inverse")
        one, other = (refiner.refine_instances(photo, depth, ids) for refiner in (auto, full))
        difference = np.abs(one.depth - other.depth) / np.ptp(depth)
        everywhere.append(difference.ravel())
        changed.append(difference[other.changed])
        worst = max(worst, float(np.percentile(difference, 99.9)))
    print(f"auto is {auto.dtype}; {len(everywhere)} frames, % of the range, 99.9th percentile:")
    for label, parts in (("all pixels", everywhere), ("changed pixels", changed)):
        print(f"  {label:16}{100 * np.percentile(np.concatenate(parts), 99.9):8.4f}")
    print(f"  {'worst frame':16}{100 * worst:8.4f}")


def encoders(photos: list[Path]) -> None:
    """Print processor milliseconds and bytes of encoders, for maps that `lite` predicts."""
    cv2.setNumThreads(1)
    lite = load_predictor("lite")
    with tempfile.TemporaryDirectory() as folder:
        for photo in photos:
            image = cv2.resize(read_photo(photo), TWO_MEGAPIXELS, interpolation=cv2.INTER_AREA)
            depth = lite.predict(image)
            low, high = float(depth.min()), float(depth.max())
            codes = Scale("inverse", low, (high - low) / 65535).codes(depth)[0]
            print(photo.name)
            for suffix in ("png16", "tiff"):
                path = Path(folder) / f"depth.{suffix}"
                _line(
                    f"write_depth {suffix}",
                    lambda path=path, suffix=suffix, depth=depth, span=(low, high): (
                        write_depth(path, depth, format=suffix, png_range=span),
                        path.stat().st_size,
                    )[1],
                )
                _line(
                    f"read_depth {suffix}",
                    lambda path=path: (read_depth(path, "inverse"), path.stat().st_size)[1],
                )
            _line("OpenCV png", lambda codes=codes: len(cv2.imencode(".png", codes, LEVEL_1)[1]))
            _line("Pillow tiff", lambda depth=depth: _with_pillow(depth))


def _with_pillow(depth: Any) -> int:
    stream = io.BytesIO()
    Image.fromarray(depth).save(stream, "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 3})
    return len(stream.getvalue())


def _line(label: str, work: Callable[[], int], repeats: int = 10) -> None:
    work()
    start = time.process_time()
    for _ in range(repeats):
        size = work()
    print(f"  {label:20}{1e3 * (time.process_time() - start) / repeats:8.1f} ms{size:10} bytes")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=["precision", "encoders"])
    parser.add_argument("paths", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.part == "precision":
        precision(arguments.paths[0])
    else:
        encoders(arguments.paths)


if __name__ == "__main__":
    main()
