"""Small photos with masks and blurred depth, in folders."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIZE = (40, 48)  # height, width


def disc(size: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: size[0], : size[1]]
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    return inside.astype(np.float32)


@dataclass
class Album:
    """Folders `photos`, `masks` and `depths` below `root`; each photo shows a near disc."""

    root: Path
    weights: Path
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def out(self) -> Path:
        return self.root / "out"

    def path(self, *parts: str) -> Path:
        path = self.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def add(self, name: str, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
        """Write a photo with its mask and its blurred depth; return true and blurred depth."""
        stem = name.rpartition(".")[0]
        mask = disc(size, (size[0] / 2, size[1] / 2), 11)
        photo = self.random.integers(60, 120, (*size, 3)) + 100 * mask[..., None]
        self.write("photos", name, photo.astype(np.uint8))
        self.write("masks", f"{stem}.png", (mask * 255).astype(np.uint8))
        truth = 1 + 4 * mask
        blurred = cv2.GaussianBlur(truth, (0, 0), 1)
        np.save(self.path("depths", f"{stem}.npy"), blurred)
        return truth, blurred

    def write(self, folder: str, name: str, pixels: np.ndarray) -> Path:
        path = self.path(folder, name)
        done, data = cv2.imencode(path.suffix, pixels)
        assert done
        path.write_bytes(data.tobytes())
        return path

    def arguments(self, *more: str) -> list[str]:
        arguments = ["refine", "photos", "--masks", "masks", "--depths", "depths", "-o", "out"]
        arguments += ["--weights", str(self.weights), "--device", "cpu"]
        paths = {"photos", "masks", "depths", "out"}
        return [str(self.root / one) if one in paths else one for one in arguments] + list(more)

    def records(self) -> dict[str, dict[str, Any]]:
        lines = (self.out / "manifest.jsonl").read_bytes().splitlines()
        rows = [json.loads(line) for line in lines]
        assert len({row["name"] for row in rows}) == len(rows), "one line a file"
        return {row["name"]: row for row in rows}

    def files(self) -> dict[str, bytes]:
        """Return everything below the target folder but the manifest."""
        return {
            str(path.relative_to(self.out)): path.read_bytes()
            for path in self.out.rglob("*")
            if path.is_file() and path.name != "manifest.jsonl"
        }
