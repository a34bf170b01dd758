"""Many files: memory, planning and resuming against their number, measured on real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from album import disc

WIDTH, HEIGHT = 64, 48
PER_FOLDER = 100


def build(root: Path, count: int) -> None:
    """Write photos of 64x48 pixels with masks and depth maps, in nested folders."""
    mask = disc((HEIGHT, WIDTH), (HEIGHT / 2, WIDTH / 2), 12)
    rng = np.random.default_rng(0)
    noise = rng.integers(60, 120, (HEIGHT, WIDTH, 3))
    photo = (noise + 100 * mask[..., None]).astype(np.uint8)
    depth = cv2.GaussianBlur(1e4 + 4e4 * mask, (0, 0), 2).astype(np.uint16)
    files = {
        "photos": (".jpg", photo),
        "masks": (".png", (mask * 255).astype(np.uint8)),
        "depths": (".png", depth),
    }
    for folder, (suffix, pixels) in files.items():
        data = cv2.imencode(suffix, pixels)[1].tobytes()
        for i in range(count):
            place = root / folder / f"{i // PER_FOLDER // 10:03}" / f"{i // PER_FOLDER:04}"
            if i % PER_FOLDER == 0:
                place.mkdir(parents=True, exist_ok=True)
            (place / f"{i:06}{suffix}").write_bytes(data)


@dataclass
class Measured:
    """A process that has ended."""

    code: int
    seconds: float
    peak: float  # MiB
    curve: list[tuple[int, float]] = field(default_factory=list)  # photos done, MiB held then
    writes: int = 0  # bytes written, where the system counts them

    def held(self, photos: int) -> float:
        """Return the memory held when at least so many photos were done."""
        return next((held for done, held in self.curve if done >= photos), self.peak)


def measure(command: list[str], manifest: Path, log: Path) -> Measured:
    """Run a command; note its memory against the lines of its manifest.

    Standard error goes to `log`, standard output to the file `stdout` beside it.
    """
    start = time.perf_counter()
    with log.open("wb") as file, log.with_name("stdout").open("wb") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=file)
        curve, peak, writes, place, lines = [], 0.0, 0, 0, 0
        while process.poll() is None:
            if manifest.exists():
                with manifest.open("rb") as stream:
                    stream.seek(place)
                    new = stream.read()
                place, lines = place + len(new), lines + new.count(b"\n")
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                writes = _field(Path(f"/proc/{process.pid}/io").read_text(), "wchar")
            except OSError:
                break
            if "VmRSS" in status:
                curve.append((lines, _field(status, "VmRSS") / 1024))
                peak = max(peak, _field(status, "VmHWM") / 1024)
            time.sleep(0.2)
        code = process.wait()
    return Measured(code, time.perf_counter() - start, peak, curve, writes)


def _field(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def refine(root: Path, weights: Path, *more: str) -> list[str]:
    """Return the command over everything in a folder."""
    return [
        *(sys.executable, "-m", "maskdepth_cli", "refine", str(root / "photos")),
        *("--masks", str(root / "masks"), "--depths", str(root / "depths")),
        *("-o", str(root / "out"), "--weights", str(weights), "--device", "cpu", "--quiet"),
        *more,
    ]


def load(root: Path, weights: Path, counts: tuple[int, ...]) -> dict[int, dict[str, Measured]]:
    """Plan, refine and resume each number of photos."""
    found: dict[int, dict[str, Measured]] = {}
    for count in counts:
        folder = root / str(count)
        build(folder, count)
        manifest, log = folder / "out" / "manifest.jsonl", folder / "log"
        runs = {}
        for title, more in (("plan", ["--dry-run"]), ("refine", []), ("resume", [])):
            runs[title] = measure(refine(folder, weights, *more), manifest, log)
            assert runs[title].code == 0, log.read_text()[-2000:]
        rows = [json.loads(line) for line in manifest.read_bytes().splitlines()]
        assert len(rows) == count
        assert {row["status"] for row in rows} == {"done"}
        found[count] = runs
    return found


def table(found: dict[int, dict[str, Measured]]) -> str:
    """Return the measurements as Markdown."""
    lines = [
        "| photos | plan (`--dry-run`) | refine | resume | peak memory | bytes written a photo |",
        "|---|---|---|---|---|---|",
    ]
    for count, runs in found.items():
        seconds = " | ".join(f"{runs[title].seconds:.1f} s" for title in runs)
        written = runs["refine"].writes / count
        lines.append(f"| {count} | {seconds} | {runs['refine'].peak:.0f} MiB | {written:.0f} |")
    largest = max(found)
    run = found[largest]["refine"]
    held = [f"{run.held(share * largest // 10):.0f}" for share in range(1, 11)]
    lines += ["", f"MiB held after each tenth of the {largest}: {', '.join(held)}."]
    ratio = run.peak / found[min(found)]["refine"].peak
    lines.append(f"Peak at {largest} over peak at {min(found)}: {ratio:.2f}.")
    return "\n".join(lines)


if __name__ == "__main__":
    import tempfile

    from launching import save_untrained

    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as place:
        saved = save_untrained(Path(place, "untrained.safetensors"))
        print(table(load(Path(place), saved, tuple(int(count) for count in sys.argv[1:]))))
