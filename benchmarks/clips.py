"""Clips with known truth: what `--temporal` makes of them, beside frame by frame.

    python benchmarks/clips.py --root SET --mattes DIR [--clips N] [--frames N] [--sheets DIR]
    python benchmarks/clips.py --root SET --mattes DIR --costs

Cut-outs with hair and holes (mattes, drawn figures) move over panned frames of a set with rgb/ and
depth/. Initial maps err by the hard decisions that training sees, drawn anew for every frame
(`jumping`) or changing slowly (`smooth`). Flicker is the mean absolute change of the error from
frame to frame, followed by the true motion, within 3% of the long side around the mask; MBE and
holes are the metrics of `maskdepth evaluate`. With --costs: seconds a frame at 1280x720, and the
peak of the memory of the command over 60 and over 300 frames.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from processes import maskdepth

from maskdepth_cli import load_refiner
from maskdepth_cli.metrics.boundaries import mask_boundary_error
from maskdepth_cli.metrics.regions import mask_regions
from maskdepth_cli.training.drawn_masks import DrawnMasks
from maskdepth_cli.training.hard_perturbation import NUMBERS, err_hard
from maskdepth_cli.training.variety import draw_fields

SIZE = (320, 448)  # height and width of a clip
KEY = 16  # frames from one random state of the smooth errors to the next
KINDS = ("jumping", "smooth")


@dataclass
class Frame:
    """A frame of a clip; depth in [0, 1]."""

    photo: Any
    mask: Any
    depth: Any
    initial: dict[str, Any]
    steps: tuple[Any, Any]  # (x, y) that the object and the background move by until the next


class Clip:
    """A cut-out that moves before a panned frame.

    Parameters
    ----------
    root : Path
        A set with rgb/ and depth/.
    matte : ndarray
        (h, w) in [0, 1].
    seed : int
        Chooses frames, motion and errors.
    """

    def __init__(self, root: Path, matte: Any, seed: int, frames: int) -> None:
        self.rng = np.random.default_rng(seed)
        names = sorted(path.stem for path in (root / "rgb").iterdir())
        ground, object_ = (names[i] for i in self.rng.choice(len(names), 2, replace=False))
        self.ground, self.object = (read(root, name) for name in (ground, object_))
        side = int(self.rng.uniform(0.75, 1.1) * SIZE[0])
        scale = side / max(matte.shape)
        matte = cv2.resize(matte, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self.matte = np.pad(matte, 2)
        self.pan = self.rng.uniform(-1.3, 1.3, 2) * (1, 0.3)
        self.speed = self.rng.uniform(1, 6) * self.rng.choice([-1, 1])
        self.frames = frames

    def __iter__(self) -> Iterator[Frame]:
        height, width = SIZE
        errors = {kind: Errors(self.rng.integers(1 << 30), kind) for kind in KINDS}
        room = np.array(self.ground[1].shape[::-1]) - (width, height)
        start = room / 2 - self.pan * self.frames / 2
        place = np.array([width / 2 - self.speed * self.frames / 4, height * 0.55])
        for index in range(self.frames):
            corner = np.clip(start + self.pan * index, 0, room)
            following = np.clip(start + self.pan * (index + 1), 0, room)
            step = (self.speed * (1 if index % 32 < 16 else -0.5), np.sin(index / 5))
            photo, back = (shifted(one, -corner, SIZE) for one in self.ground)
            mask = shifted(self.matte, place - np.array(self.matte.shape[::-1]) / 2, SIZE)
            offset = place - np.array(self.object[1].shape[::-1]) / 2
            colours, front = (shifted(one, offset, SIZE, repeat=True) for one in self.object)
            front = 0.55 + 0.45 * front
            back = 0.5 * back
            depth = mask * front + (1 - mask) * back
            photo = mask[..., None] * colours + (1 - mask[..., None]) * photo
            layers = [tensor(one) for one in (depth, front, back, mask)]
            yield Frame(
                np.rint(photo).astype(np.uint8),
                mask,
                depth,
                {kind: one.spoil(index, layers) for kind, one in errors.items()},
                (np.array(step), corner - following),
            )
            place = place + step


class Errors:
    """Random states of the errors of a clip."""

    def __init__(self, seed: int, kind: str) -> None:
        self.seed, self.kind = seed, kind

    def spoil(self, index: int, layers: list[torch.Tensor]) -> Any:
        """Return the initial map of a frame."""
        fields, numbers = self._state(index)
        return err_hard(*layers, fields, numbers, torch.ones(1))[0, 0].numpy()

    def _state(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if self.kind == "jumping":
            return self._drawn(index)[0], self._drawn(0)[1]
        before, after = (self._drawn(index // KEY + one) for one in (0, 1))
        return torch.lerp(before[0], after[0], index % KEY / KEY), self._drawn(0)[1]

    def _drawn(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        coarse = tensor(draw_fields(np.random.default_rng((self.seed, number))))[0]
        fields = torch.nn.functional.interpolate(coarse, size=SIZE, mode="bicubic").clamp(0, 1)
        numbers = torch.from_numpy(np.random.default_rng(self.seed).random((1, NUMBERS))).float()
        return fields, numbers


def read(root: Path, name: str) -> tuple[Any, Any]:
    """Read RGB and inverse depth in [0, 1] of a frame."""
    photo = cv2.imread(str(root / "rgb" / f"{name}.jpg"))[..., ::-1].astype(np.float32)
    depth = cv2.imread(str(root / "depth" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    return np.ascontiguousarray(photo), (depth / np.float32(65535)).astype(np.float32)


def shifted(image: Any, offset: Any, size: tuple[int, int], *, repeat: bool = False) -> Any:
    """Put an image at an offset (x, y), bilinear."""
    matrix = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float64)
    border = cv2.BORDER_REFLECT if repeat else cv2.BORDER_CONSTANT
    return cv2.warpAffine(image, matrix, size[::-1], flags=cv2.INTER_LINEAR, borderMode=border)


def tensor(array: Any) -> torch.Tensor:
    """Return (1, 1, ...) float32."""
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))[None, None]


class Score:
    """Errors of one method over clips."""

    def __init__(self) -> None:
        self.figures: dict[str, list[float]] = {"flicker": [], "MBE": [], "holes": [], "ms": []}
        self.before: tuple[Frame, Any] | None = None

    def add(self, frame: Frame, depth: Any, seconds: float) -> None:
        """Add a frame's result."""
        error = depth - frame.depth
        regions = mask_regions(frame.mask)
        everywhere = np.ones(depth.shape, bool)
        self.figures["ms"].append(1000 * seconds)
        self.figures["MBE"].append(
            mask_boundary_error(depth, frame.depth, everywhere, [frame.mask > 0.5])
        )
        if regions.holes.any():
            self.figures["holes"].append(float(np.abs(error)[regions.holes].mean()))
        if self.before is not None:
            last, old = self.before
            for side, step in zip((0, 1), last.steps, strict=True):
                own = (frame.mask > 0.5) == (side == 0)
                was = shifted((last.mask > 0.5).astype(np.float32), step, SIZE)
                same = own & regions.band & ((was > 0.99) if side == 0 else (was < 0.01))
                change = np.abs(error - shifted(old, step, SIZE))[same]
                self.figures["flicker"].append(float(change.mean()) if same.any() else np.nan)
        self.before = frame, error


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--mattes", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--first", type=int, default=0, help="seed of the first clip")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--sheets", type=Path, help="write a contact sheet a clip")
    parser.add_argument("--costs", action="store_true", help="time and memory instead")
    given = parser.parse_args()
    files = sorted(given.mattes.iterdir())
    methods = {
        "frame by frame": load_refiner(whole_range=(0.0, 1.0)),
        "temporal": load_refiner(whole_range=(0.0, 1.0), temporal=True),
    }
    if given.costs:
        costs(Clip(given.root, read_matte(files[0]), 0, 12), methods)
        return
    scores = {(kind, name): Score() for kind in KINDS for name in ("initial", *methods)}
    for seed in range(given.first, given.first + given.clips):
        if seed % 2:
            matte = DrawnMasks("figures").draw("human", np.random.default_rng(seed))
        else:
            matte = read_matte(files[seed % len(files)])
        for kind in KINDS:
            rows = []
            for score in scores.values():
                score.before = None
            methods["temporal"].start()
            for frame in Clip(given.root, matte, seed, given.frames):
                initial = frame.initial[kind]
                scores[kind, "initial"].add(frame, initial, 0)
                row = [frame.photo[..., ::-1], *(gray(one) for one in (frame.depth, initial))]
                for name, refiner in methods.items():
                    begun = time.perf_counter()
                    refined = refiner.refine(frame.photo, initial, frame.mask).depth
                    scores[kind, name].add(frame, refined, time.perf_counter() - begun)
                    row.append(gray(refined))
                rows.append(np.hstack(row))
            if given.sheets:
                given.sheets.mkdir(exist_ok=True, parents=True)
                sheet = np.vstack(rows[:: max(len(rows) // 6, 1)])
                cv2.imwrite(str(given.sheets / f"{seed}-{kind}.png"), sheet)
    print("| errors | method | flicker | MBE | holes | ms a frame |\n|---|---|---:|---:|---:|---:|")
    for (kind, name), score in scores.items():
        means = [float(np.nanmean(values or [np.nan])) for values in score.figures.values()]
        print(f"| {kind} | {name} | {' | '.join(f'{mean:.4f}' for mean in means)} |")


def costs(clip: Clip, methods: dict[str, Any]) -> None:
    """Print what a frame of 1280x720 costs, and the memory that the command takes."""
    frames = [
        [cv2.resize(one, (1280, 720)) for one in (frame.photo, frame.initial["smooth"], frame.mask)]
        for frame in clip
    ]
    times: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(3):
        for name, refiner in methods.items():
            begun = time.perf_counter()
            for frame in frames:
                refiner.refine(*frame)
            times[name].append((time.perf_counter() - begun) / len(frames))
    one, other = (float(np.median(taken)) for taken in times.values())
    print(f"1280x720, s a frame: {one:.3f}, temporal {other:.3f}, ratio {other / one:.2f}")
    for count in (60, 300):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            for index in range(count):
                photo, depth, mask = frames[index % len(frames)]
                for folder, values in (
                    ("rgb", photo[..., ::-1]),
                    ("masks", mask * 255),
                    ("depths", depth * 65535),
                ):
                    (root / folder).mkdir(exist_ok=True)
                    kind = np.uint16 if folder == "depths" else np.uint8
                    small = cv2.resize(np.rint(values).astype(kind), (320, 180))
                    cv2.imwrite(str(root / folder / f"a.{index:04d}.png"), small)
            arguments = [f"--{role}={root / role}/a.####.png" for role in ("masks", "depths")]
            used = maskdepth(
                *("refine", root / "rgb/a.####.png", *arguments, "-o", root / "out"),
                *("--temporal", "-q"),
            )
        print(f"{count} frames of 320x180: {used.gigabytes:.3f} GB, {used.seconds:.1f} s")


def read_matte(path: Path) -> Any:
    """Read a matte, (h, w) in [0, 1]."""
    matte = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return (matte if matte.ndim == 2 else matte[..., -1]) / np.float32(255)


def gray(depth: Any) -> Any:
    """Return depth as a picture (H, W, 3)."""
    return cv2.merge([np.rint(np.clip(depth, 0, 1) * 255).astype(np.uint8)] * 3)


if __name__ == "__main__":
    main()
