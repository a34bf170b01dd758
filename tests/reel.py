"""A small clip: a near disc that moves before a slope, with masks and blurred depth."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from album import disc

from maskdepth_cli.__main__ import main

SIZE = (40, 48)  # height, width


@dataclass
class Said:
    """What a command printed, and its exit code."""

    code: int
    text: str


def command(*arguments: str | Path) -> Said:
    """Run the command in this process."""
    stream = io.StringIO()
    before, sys.argv = sys.argv, ["maskdepth", *map(str, arguments)]
    try:
        with contextlib.redirect_stderr(stream), contextlib.redirect_stdout(stream):
            code = main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = before
    return Said(int(code or 0), stream.getvalue())


def photo_of(index: int) -> np.ndarray:
    """Return RGB, uint8."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = 110 + 30 * np.sin(columns / 3) + 20 * np.cos(rows / 4)
    near = 100 * mask_of(index)
    return (
        np.stack([waves, waves + near, 0.5 * waves + near], axis=-1).clip(0, 255).astype(np.uint8)
    )


def mask_of(index: int) -> np.ndarray:
    return disc(SIZE, (20, 14 + 2 * index), 9)


def depth_of(index: int) -> np.ndarray:
    """Return inverse depth, float32, softer than the mask; its range is another in each frame."""
    rows, _ = np.mgrid[: SIZE[0], : SIZE[1]]
    truth = 1 + rows / 40 + (3 + 0.2 * index) * mask_of(index)
    return cv2.GaussianBlur(truth, (0, 0), 1.5).astype(np.float32)


def encode(path, frames, samples, codec="ffv1", rate=24, given=None, **options):
    """Write arrays as a video; `given` is how they are laid out where not as `samples`."""
    import av

    path.parent.mkdir(exist_ok=True, parents=True)
    turn = options.pop("turn", 0)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=Fraction(rate), options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = samples
        if turn:
            stream.set_display_rotation(turn)
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format=given or samples)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


MAKERS = (photo_of, mask_of, depth_of)


@dataclass
class Reel:
    """Numbered files below `root`: `shot.1001.png`, `matte.1001.png`, `depth.1001.npy`."""

    root: Path
    weights: Path
    first: int = 1001
    count: int = 5

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def numbers(self) -> range:
        return range(self.first, self.first + self.count)

    def write(self) -> Reel:
        for index, number in enumerate(self.numbers):
            self.picture("shots", f"shot.{number}.png", photo_of(index)[..., ::-1])
            self.picture("mattes", f"matte.{number}.png", np.uint8(255 * mask_of(index)))
            path = self.root / "depths" / f"depth.{number}.npy"
            path.parent.mkdir(exist_ok=True)
            np.save(path, depth_of(index))
        return self

    def picture(self, folder: str, name: str, pixels: np.ndarray) -> Path:
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        done, data = cv2.imencode(path.suffix, pixels)
        assert done
        path.write_bytes(data.tobytes())
        return path

    def refine(
        self,
        *more: str | Path,
        shots: str | Path = "shots/shot.####.png",
        masks: str | Path = "mattes/matte.%04d.png",
        depths: str | Path = "depths",
        out: str | Path = "out",
    ) -> Said:
        places = [self.root / place for place in (shots, masks, depths, out)]
        given = ("refine", places[0], "--masks", places[1], "--depths", places[2], "-o", places[3])
        network = ("--weights", self.weights, "--device", "cpu", "--precision", "fp32")
        return command(*given, *network, *more)

    def records(self) -> dict[str, dict[str, Any]]:
        lines = (self.out / "manifest.jsonl").read_bytes().splitlines()
        return {row["name"]: row for row in map(json.loads, lines)}

    def files(self) -> dict[str, bytes]:
        """Return everything below the target folder but the manifest."""
        return {
            str(path.relative_to(self.out)): path.read_bytes()
            for path in self.out.rglob("*")
            if path.is_file() and path.name != "manifest.jsonl"
        }
