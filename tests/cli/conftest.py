"""Small photos with masks and blurred depth, an untrained network, and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from album import Album

from maskdepth_cli.__main__ import main


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
