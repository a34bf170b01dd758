"""A worker with nothing to do with depth: it writes the photo's bytes and masks' bytes reversed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskdepth_cli.errors import ExitCode, InputFileError
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.run.jobs import Job, Plan
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.runner import run


@dataclass
class Reverser:
    folder: Path
    batch_size: int = 1
    at_once: int = 1
    loaded: list[str] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)
    alive: int = 0
    most_alive: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, job: Job) -> bytes:
        with self.lock:
            self.loaded.append(job.name)
            self.alive += 1
            self.most_alive = max(self.most_alive, self.alive)
        data = b"".join(path.read_bytes() for _, path in job.sources())
        if b"bad" in data:
            with self.lock:
                self.alive -= 1
            raise InputFileError(f"{job.image}: is bad")
        return data

    def compute(self, loaded: Sequence[bytes]) -> list[bytes]:
        self.computed.append(len(loaded))
        if any(b"poison" in data for data in loaded):
            raise RuntimeError("poison in this batch")
        return [data[::-1] for data in loaded]

    def save(self, job: Job, result: bytes) -> Mapping[str, Any]:
        for _, place in job.outputs:
            with atomic_write(self.folder / place) as path:
                path.write_bytes(result)
        with self.lock:
            self.alive -= 1
        return {"length": len(result), "message": "long" if len(result) > 100 else ""}


@dataclass
class House:
    """A folder of text `photos`, a target folder, and runs over them."""

    root: Path
    settings: dict[str, Any] = field(default_factory=lambda: {"weights": "w1"})
    worker: Reverser | None = None
    worker_type: type[Reverser] = Reverser

    @property
    def target(self) -> Path:
        return self.root / "out"

    def write(self, name: str, content: bytes) -> Path:
        path = self.root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def job(self, name: str, *masks: str, preview: bool = False) -> Job:
        stem = name.rpartition(".")[0]
        outputs = [("depth", f"{stem}.out")]
        if preview:
            outputs.append(("preview", f"previews/{stem}.png"))
        source = self.root / "in"
        inputs = tuple((f"mask/{i}", source / mask) for i, mask in enumerate(masks, start=1))
        return Job(name, source / name, inputs, tuple(outputs))

    def run(self, *jobs: Job, plan: Plan | None = None, **options: Any) -> ExitCode:
        def make_worker() -> Reverser:
            self.worker = self.worker_type(self.target, batch_size=batch_size)
            return self.worker

        batch_size = options.pop("batch_size", 1)
        self.worker = None
        return run(
            plan or Plan(jobs),
            make_worker,
            RunOptions(self.target, **options),
            self.settings,
            lambda job: 1,
        )

    @property
    def loaded(self) -> list[str]:
        """The jobs that the last run worked on."""
        return sorted(self.worker.loaded) if self.worker else []
