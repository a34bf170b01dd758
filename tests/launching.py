"""An untrained network, and the command in processes of its own: many, and cheap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


def save_untrained(path: Path) -> Path:
    """Write an untrained network: in its completion form it is a classical layered completion."""
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
    save_tensors(path, RefinementNetwork(config).state_dict(), asdict(config))
    return path


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


@dataclass
class Nursery:
    """Starts processes from one that has loaded torch; one at a time."""

    process: subprocess.Popen[str]

    def launch(
        self, arguments: list[str], log: Path, *, largest_file: int = -1, stdout: str = ""
    ) -> Process:
        """Start the command; it writes both streams to `log` unless stdout has a file of its own.

        `largest_file` limits the bytes of every file that it writes, as a full disk does.
        """
        order = {
            "arguments": arguments,
            "log": str(log),
            "largest_file": largest_file,
            "stdout": stdout or str(log),
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return Process(self.process, int(self.process.stdout.readline()), log)


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Run a nursery."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("nursery.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield Nursery(process)
    finally:
        process.kill()
        process.wait()
