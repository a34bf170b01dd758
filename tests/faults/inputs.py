"""Hostile and broken files among good ones, in one run of the command over all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from album import disc
from faults import bombs
from faults.load import measure

SIZE = (40, 48)  # height, width
DONE, FAILED = "done", "failed"
SECONDS, MEBIBYTES = 300, 1500  # for all of them together, torch included


@dataclass(frozen=True)
class Trial:
    """One photo with its mask and depth map, of which one thing is wrong."""

    title: str
    status: str
    change: Callable[[Photo], None]
    stem: str = ""


@dataclass(frozen=True)
class Photo:
    """The three files of a photo."""

    photo: Path
    mask: Path
    depth: Path

    def write(self, size: tuple[int, int] = SIZE) -> None:
        """Write all three as they should be."""
        mask = disc(size, (size[0] / 2, size[1] / 2), max(1, 0.3 * min(size)))
        rng = np.random.default_rng(0)
        photo = rng.integers(60, 120, (*size, 3)) + 100 * mask[..., None]
        for path, pixels in ((self.photo, photo), (self.mask, 255 * mask)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cv2.imencode(".png", pixels.astype(np.uint8))[1].tobytes())
        self.depth.parent.mkdir(parents=True, exist_ok=True)
        with self.depth.open("wb") as file:
            np.save(file, cv2.GaussianBlur(1 + 4 * mask, (0, 0), 1).reshape(size))


def _photo(data: bytes) -> Callable[[Photo], None]:
    return lambda made: made.photo.write_bytes(data) and None


def _depth(data: bytes) -> Callable[[Photo], None]:
    return lambda made: made.depth.write_bytes(data) and None


def _mask(data: bytes) -> Callable[[Photo], None]:
    return lambda made: made.mask.write_bytes(data) and None


def _size(height: int, width: int) -> Callable[[Photo], None]:
    return lambda made: made.write((height, width))


def _depth_of(value: float) -> Callable[[Photo], None]:
    def change(made: Photo) -> None:
        with made.depth.open("wb") as file:
            np.save(file, np.full(SIZE, value, np.float32))

    return change


def _folder(made: Photo) -> None:
    made.photo.unlink()
    made.photo.mkdir()


def _pipe(made: Photo) -> None:
    made.photo.unlink()
    os.mkfifo(made.photo)


def _loop(made: Photo) -> None:
    made.photo.unlink()
    made.photo.symlink_to(made.photo.name)


def _outside(made: Photo) -> None:
    other = made.photo.parents[1] / f"outside-{made.photo.name}"
    made.photo.replace(other)
    made.photo.symlink_to(other)


def _dangling(made: Photo) -> None:
    made.photo.unlink()
    made.photo.symlink_to("nowhere.png")


def _cut(made: Photo) -> None:
    made.photo.write_bytes(made.photo.read_bytes()[:-400])


def _colour_map(made: Photo) -> None:
    made.depth.write_bytes(made.photo.read_bytes())


def _nothing(made: Photo) -> None:
    pass


def bombs_tried() -> list[Trial]:
    """Small files that ask for much, in the places of photos, masks and depth maps."""
    found = []
    for name, build in bombs.PICTURES.items():
        found.append(Trial(f"photo: {_words(build)}", FAILED, _photo(build())))
        if "gigapixels" in name:
            found.append(Trial(f"mask: {_words(build)}", FAILED, _mask(build())))
    for build in bombs.ARRAYS.values():
        found.append(Trial(f"depth map: {_words(build)}", FAILED, _depth(build())))
    return found


def trials() -> list[Trial]:
    """Everything else that is tried, good photos around it."""
    return [
        Trial("a good photo", DONE, _nothing, "good"),
        Trial("photo of 0 bytes", FAILED, _photo(b"")),
        Trial("mask of 0 bytes", FAILED, _mask(b"")),
        Trial("depth map of 0 bytes", FAILED, _depth(b"")),
        Trial("photo that is text", FAILED, _photo(b"just text\n" * 99)),
        Trial("photo that is cut", FAILED, _cut),
        Trial("pipe named like a photo", FAILED, _pipe),
        Trial("link to itself", FAILED, _loop),
        Trial("link to nowhere", FAILED, _dangling),
        Trial("link out of the folder", DONE, _outside),
        Trial("folder named like a photo", "", _folder),
        Trial("depth of NaN alone", FAILED, _depth_of(np.nan)),
        Trial("depth of infinity alone", FAILED, _depth_of(np.inf)),
        Trial("depth that is constant", DONE, _depth_of(2)),
        Trial("depth near the largest float", DONE, _depth_of(3e38)),
        Trial("depth map in colours", FAILED, _colour_map),
        Trial("photo of 1x1", DONE, _size(1, 1)),
        Trial("photo of 1x300", DONE, _size(300, 1)),
        Trial("photo of 65535x1", DONE, _size(1, 65_535)),
        Trial("name with line breaks", DONE, _nothing, "two\nlines\r"),
        Trial("name with quotes and a backslash", DONE, _nothing, "a'b\"c\\d`$(e)"),
        Trial("name that is a script", DONE, _nothing, "<script>alert(1)<"),
        Trial("name with terminal codes", DONE, _nothing, "\x1b[31mred\x1b]0;title\x07"),
        Trial("name that turns text around", DONE, _nothing, "abc\u202egpj"),
        Trial("name beyond UTF-8", DONE, _nothing, os.fsdecode(b"caf\xe9\xff")),
        Trial("name like an option", DONE, _nothing, "--output"),
        Trial("name of 250 characters", DONE, _nothing, "x" * 246),
        Trial("names that differ by case, one", DONE, _nothing, "Case"),
        Trial("names that differ by case, other", DONE, _nothing, "case"),
        Trial("another good photo", DONE, _nothing, "zoo/good"),
    ]


def _words(build: Callable[[], bytes]) -> str:
    return str(build.__doc__).split(".")[0]


def tried(root: Path, weights: Path, chosen: list[Trial]) -> list[tuple[str, str]]:
    """Run over all of them at once; return what came of each, after checks of the whole."""
    names: dict[str, Trial] = {}
    for number, trial in enumerate(chosen):
        name = trial.stem or f"{number:02}"
        places = [f"{folder}/{name}" for folder in ("photos", "masks", "depths")]
        made = Photo(
            root / f"{places[0]}.png", root / f"{places[1]}.png", root / f"{places[2]}.npy"
        )
        made.write()
        trial.change(made)
        names[f"{name}.png"] = trial
    before = _listing(root)
    out = root / "out"
    command = [sys.executable, "-m", "maskdepth_cli", "refine", str(root / "photos")]
    command += ["--masks", str(root / "masks"), "--depths", str(root / "depths"), "-o", str(out)]
    command += ["--weights", str(weights), "--device", "cpu", "--json", "--layers", "--preview"]
    log = root / "log"
    run = measure(command, out / "manifest.jsonl", log)
    text = log.read_text("utf-8")
    printed = log.with_name("stdout").read_bytes()
    assert printed.isascii()
    rows = {row["name"]: row for row in map(json.loads, printed.splitlines())}
    assert len(rows) == printed.count(b"\n"), "one object a line and nothing else"
    assert run.code == 1, text[-2000:]
    assert run.seconds < SECONDS, run.seconds
    assert run.peak < MEBIBYTES, run.peak
    assert "Traceback" not in text, text[-3000:]
    assert text.count("failed: ") == sum(row["status"] == FAILED for row in rows.values())
    assert text.replace("\n", "").isprintable(), "no name reaches the terminal as it is"
    assert set(rows) == {name for name, trial in names.items() if trial.status}
    found = []
    for name, trial in names.items():
        row = rows.get(name)
        if row is None:
            found.append((trial.title, "not a photo: nothing below it"))
            continue
        assert row["status"] == trial.status, (trial.title, row)
        assert bool(row["message"]) or trial.status == DONE, trial.title
        assert "\n" not in row["message"]
        for output in row["outputs"].values():
            assert (out / output["path"]).stat().st_size == output["size"]
        line = row["message"].replace(str(root), "…")[:160]
        found.append((trial.title, f"{row['status']}: {line}" if line else row["status"]))
    made = _listing(root) - before - {"log", "stdout"}
    assert all(name == "out" or name.startswith("out/") for name in made), "nothing outside"
    assert not [path for path in out.rglob(".*")], "nothing hidden is left"
    _check_gallery(out)
    found.append(
        (
            f"all {len(names)} in one run",
            f"exit code {run.code}, at most {run.peak:.0f} MiB, torch included",
        )
    )
    return found


def _listing(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def _check_gallery(out: Path) -> None:
    """Check that no name becomes code in the gallery of the run."""
    command = [sys.executable, "-m", "maskdepth_cli", "gallery", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (out / "gallery.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page
