"""Small photos with masks and blurred depth, an untrained network, and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from maskdepth_cli.__main__ import main

SIZE = (40, 48)  # height, width


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an untrained network: in its completion form it is a classical layered completion."""
    import torch

    from maskdepth_cli.networks.config import RefinementConfig
    from maskdepth_cli.networks.refinement import RefinementNetwork
    from maskdepth_cli.weights.tensors import save_tensors

    torch.manual_seed(0)
    config = RefinementConfig(
        embed_dims=(8, 8, 8, 8),
        depths=(1, 1, 1, 1),
        heads=(1, 1, 1, 1),
        decoder_channels=8,
        low_level_half=4,
        head_channels=4,
        form="completion",
    )
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_tensors(path, RefinementNetwork(config).state_dict(), asdict(config))
    return path


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


@pytest.fixture
def album(tmp_path: Path, weights: Path) -> Album:
    return Album(tmp_path, weights)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The JSON lines on stdout; nothing else may be there."""
        return {row["name"]: row for row in map(json.loads, self.out.splitlines())}


@pytest.fixture
def maskdepth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run the command in this process."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["maskdepth", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(int(ended.value.code or 0), out, err)

    return run


@dataclass
class Process:
    """The command in a process of its own."""

    nursery: subprocess.Popen[str]
    pid: int
    log: Path

    def wait(self) -> int:
        """Return the exit code; minus the signal where it was killed."""
        assert self.nursery.stdout
        return int(self.nursery.stdout.readline())


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    """Start processes from one that has loaded torch, so that many are cheap."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("nursery.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def launch(nursery: subprocess.Popen[str], tmp_path: Path) -> Callable[..., Process]:
    """Start the command; the process runs on while the test does."""

    def start(*arguments: str, largest_file: int = -1) -> Process:
        log = tmp_path / "log"
        order = {"arguments": arguments, "log": str(log), "largest_file": largest_file}
        assert nursery.stdin
        assert nursery.stdout
        nursery.stdin.write(json.dumps(order) + "\n")
        nursery.stdin.flush()
        return Process(nursery, int(nursery.stdout.readline()), log)

    return start
