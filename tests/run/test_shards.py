"""Several runs that share the photos and one target folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdepth_cli.errors import ExitCode, InputFileError, NothingToDoError, OutputError, UsageError
from maskdepth_cli.run.jobs import LeftOut, Plan
from maskdepth_cli.run.merging import merge_manifests
from maskdepth_cli.run.shards import Shard, parse_shard
from maskdepth_cli.run.target import MANIFEST, TargetLock

PHOTOS = 12
TORCHRUN = {"RANK": "2", "WORLD_SIZE": "4", "LOCAL_RANK": "0"}
SLURM = {
    "SLURM_ARRAY_TASK_ID": "7",
    "SLURM_ARRAY_TASK_MIN": "3",
    "SLURM_ARRAY_TASK_MAX": "9",
    "SLURM_ARRAY_TASK_STEP": "2",
    "SLURM_ARRAY_TASK_COUNT": "4",
}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def timeless(path: Path) -> dict[str, dict]:
    """Return the records of a manifest by name, without the seconds they took."""
    return {row["name"]: row | {"seconds": 0} for row in lines(path)}


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("manifest")
    }


@given(st.text(min_size=1), st.integers(1, 50))
def test_every_photo_belongs_to_exactly_one_shard(name, count):
    name = name.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    assert sum(Shard(i, count).owns(name) for i in range(1, count + 1)) == 1


def test_shares_are_the_same_in_every_version_on_every_machine():
    names = [f"x/{i}.jpg" for i in range(10)]
    shares = [next(i for i in (1, 2, 3) if Shard(i, 3).owns(name)) for name in names]
    assert shares == [1, 1, 3, 2, 3, 1, 3, 1, 3, 3]
    accented = "caf\u00e9/\u00fc.jpg"
    for i in range(1, 8):
        assert Shard(i, 7).owns(accented) == Shard(i, 7).owns(
            unicodedata.normalize("NFD", accented)
        )


def test_shares_are_of_like_size():
    count, photos = 8, 8000
    sizes = Counter(
        i for n in range(photos) for i in range(1, count + 1) if Shard(i, count).owns(f"{n:05}.jpg")
    )
    spread = sum((size - photos / count) ** 2 / (photos / count) for size in sizes.values())
    assert spread < 24.3  # chi-squared with 7 degrees of freedom: one in a thousand is larger


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        ("1/1", {}, Shard(1, 1)),
        ("3/16", TORCHRUN, Shard(3, 16)),
        ("auto", TORCHRUN, Shard(3, 4)),
        ("auto", SLURM, Shard(3, 4)),
        ("auto", SLURM | TORCHRUN, Shard(3, 4)),
    ],
)
def test_a_shard_is_named_or_told_by_the_environment(text, environment, shard):
    assert parse_shard(text, environment) == shard


@pytest.mark.parametrize(
    ("text", "environment", "words"),
    [
        ("0/4", {}, "no shard 0 of 4"),
        ("5/4", {}, "no shard 5 of 4"),
        ("2", {}, "give I/N"),
        ("-1/4", {}, "give I/N"),
        ("1/0", {}, "no shard 1 of 0"),
        ("a/b", {}, "give I/N"),
        ("auto", {}, "neither under torchrun nor in a SLURM array"),
        ("auto", {"RANK": "1"}, "WORLD_SIZE is not set"),
        ("auto", {"RANK": "x", "WORLD_SIZE": "2"}, "RANK is x"),
        ("auto", {"RANK": "4", "WORLD_SIZE": "4"}, "no shard 5 of 4"),
        ("auto", SLURM | {"SLURM_ARRAY_TASK_COUNT": "3"}, "gaps"),
        ("auto", SLURM | {"SLURM_ARRAY_TASK_STEP": "0"}, "gaps"),
    ],
)
def test_what_is_no_shard_is_refused(text, environment, words):
    with pytest.raises(UsageError, match=words):
        parse_shard(text, environment)


def test_shards_together_are_the_whole_run(house, photos):
    jobs = photos(PHOTOS)
    house.write("bad.txt", b"bad")
    left_out = tuple(LeftOut(f"{i}.txt", Path(f"{i}.txt"), "no mask for it") for i in range(5))
    plan = Plan((*jobs, house.job("bad.txt")), left_out)
    house.run(plan=plan)
    whole, records = files(house.target), timeless(house.target / MANIFEST)
    house.target.rename(house.root / "whole")
    codes = [house.run(plan=plan, shard=Shard(i, 3)) for i in (1, 2, 3)]
    assert ExitCode.SOME_FAILED in codes
    assert files(house.target) == whole
    assert not (house.target / MANIFEST).exists()
    merged = merge_manifests([house.target])
    assert (merged.photos, merged.repeated, merged.missing) == (PHOTOS + 6, 0, ())
    assert timeless(house.target / MANIFEST) == records
    assert [path.name for path in house.target.glob("manifest*")] == [MANIFEST]


def test_a_shard_does_what_is_its_own_and_resumes(house, photos):
    jobs = photos(PHOTOS)
    own = [job.name for job in jobs if Shard(2, 3).owns(job.name)]
    assert 0 < len(own) < PHOTOS
    assert house.run(*jobs, shard=Shard(2, 3)) == ExitCode.OK
    assert house.loaded == own
    assert [row["name"] for row in lines(house.target / "manifest.2-of-3.jsonl")] == own
    house.run(*jobs, shard=Shard(2, 3))
    assert house.worker is None
    house.write(own[0], b"another photo")
    house.run(*jobs, shard=Shard(2, 3))
    assert house.loaded == own[:1]


def test_a_shard_without_photos_is_no_error_but_no_photos_at_all_are(house, photos):
    (job,) = photos(1)
    empty = next(i for i in (1, 2) if not Shard(i, 2).owns(job.name))
    assert house.run(job, shard=Shard(empty, 2)) == ExitCode.OK
    assert house.worker is None
    with pytest.raises(NothingToDoError):
        house.run(shard=Shard(1, 2))


@pytest.mark.parametrize("first", [None, 2, 3])
@pytest.mark.parametrize("second", [None, 2, 3])
def test_a_run_in_other_shards_goes_on_where_the_first_stopped(house, photos, first, second):
    def run(count, **more):
        loaded = []
        for shard in [Shard(i, count) for i in range(1, count + 1)] if count else [None]:
            house.run(*jobs, shard=shard, **more)
            loaded += house.loaded
        return sorted(loaded)

    jobs = photos(PHOTOS)
    assert len(run(first)) == PHOTOS
    house.write("003.txt", b"changed now")
    assert run(second, dry_run=True) == []
    assert run(second) == ["003.txt"]
    house.write("003.txt", b"changed again")
    assert run(first) == ["003.txt"]
    assert run(second) == []
    house.run(*jobs)
    assert house.worker is None
    assert len(lines(house.target / MANIFEST)) == PHOTOS


def test_the_newest_record_counts_when_settings_come_and_go(house, photos):
    """The outputs of both settings are of equal size: only the manifests tell them apart."""
    jobs = photos(4)
    for settings, shard, expected in [
        ("w1", None, 4),
        ("w2", Shard(1, 1), 4),
        ("w1", Shard(1, 1), 4),
        ("w1", None, 0),
        ("w2", None, 4),
        ("w1", Shard(1, 1), 4),
    ]:
        house.settings = {"weights": settings}
        house.run(*jobs, shard=shard)
        assert len(house.loaded) == expected, (settings, shard)


HOLDER = """
import sys, time
from pathlib import Path
from maskdepth_cli.run.shards import Shard
from maskdepth_cli.run.target import TargetLock
from maskdepth_cli.files.atomic import atomic_write
shard = Shard(*map(int, sys.argv[2:])) if sys.argv[2:] else None
with TargetLock(Path(sys.argv[1]), shard), atomic_write(Path(sys.argv[1], "x/held.png")) as path:
    path.write_text("half")
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def hold(tmp_path):
    """Start processes that hold the folder and are in the middle of writing a file."""
    started = []

    def start(*shard: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, tmp_path, *map(str, shard)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def temporaries(folder):
    return sorted(path.name for path in (folder / "x").iterdir())


def test_who_may_be_in_a_folder_together(hold, tmp_path):
    process = hold(1, 4)
    for rival in (None, Shard(1, 4), Shard(2, 3)):
        with (
            pytest.raises(OutputError, match=f"process {process.pid} "),
            TargetLock(tmp_path, rival),
        ):
            pass
    with TargetLock(tmp_path, Shard(2, 4)), TargetLock(tmp_path, Shard(4, 4)):
        pass
    (tmp_path / MANIFEST).write_text(line("x"))
    with pytest.raises(OutputError, match="another run"):
        merge_manifests([tmp_path])


def test_a_run_over_all_photos_keeps_shards_out(hold, tmp_path):
    process = hold()
    with (
        pytest.raises(OutputError, match=f"process {process.pid} "),
        TargetLock(tmp_path, Shard(1, 2)),
    ):
        pass


def test_a_killed_shard_is_cleaned_up_after_and_the_others_are_left_alone(hold, tmp_path):
    other, killed = hold(1, 2), hold(2, 2)
    killed.kill()
    killed.wait()
    assert len(temporaries(tmp_path)) == 2
    with TargetLock(tmp_path, Shard(2, 2)) as lock:
        assert lock.stale
        (left,) = temporaries(tmp_path)
        assert left.startswith(".maskdepth-1-of-2-")
    other.communicate("go on\n")
    assert other.returncode == 0
    assert temporaries(tmp_path) == ["held.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_whoever_has_the_folder_alone_cleans_up_after_all_shards(hold, tmp_path):
    for process in (hold(1, 2), hold(2, 2)):
        process.kill()
        process.wait()
    with TargetLock(tmp_path) as lock:
        assert lock.stale
    assert temporaries(tmp_path) == []
    with TargetLock(tmp_path) as lock:
        assert not lock.stale
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


RUNNER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from house import House, Reverser
from maskdepth_cli.run.shards import parse_shard

class Slow(Reverser):
    def compute(self, loaded):
        time.sleep(0.02)
        return super().compute(loaded)

house = House(Path(sys.argv[2]), worker_type=Slow)
jobs = [house.job(path.name) for path in sorted((house.root / "in").iterdir())]
sys.exit(house.run(*jobs, shard=parse_shard("auto")))
"""


def test_shards_at_once_one_killed_and_started_again(house, photos):
    def start(rank):
        return subprocess.Popen(
            [sys.executable, "-c", RUNNER, Path(__file__).parents[1], house.root],
            env=os.environ | {"RANK": str(rank), "WORLD_SIZE": "3"},
            stderr=subprocess.PIPE,
        )

    jobs = photos(60)
    house.run(*jobs)
    whole, records = files(house.target), timeless(house.target / MANIFEST)
    house.target.rename(house.root / "whole")
    running = [start(rank) for rank in range(3)]
    victim = house.target / "manifest.2-of-3.jsonl"
    deadline = time.monotonic() + 60
    while not victim.exists() or len(victim.read_bytes().splitlines()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    running[1].kill()
    assert running[1].wait() == -signal.SIGKILL
    running[1].communicate()
    running[1] = start(1)
    for process in running:
        process.communicate()
        assert process.returncode == 0
    assert files(house.target) == whole
    merge_manifests([house.target])
    assert timeless(house.target / MANIFEST) == records
    house.run(*jobs)
    assert house.worker is None


def line(name, message="", **more):
    blank = {"path": name, "status": "done", "seconds": 0, "key": "k", "settings": "s"}
    row = blank | {"name": name, "message": message, "inputs": [], "outputs": {}, "details": {}}
    return json.dumps(row | more) + "\n"


def test_the_last_manifest_that_is_named_wins(tmp_path):
    (tmp_path / "a.jsonl").write_text(line("x", "a") + line("y", "a") + line("y", "a, later"))
    (tmp_path / "b.jsonl").write_text(line("z", "b") + line("x", "b", status="failed"))
    target = tmp_path / "all.jsonl"
    merged = merge_manifests([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], target)
    assert (merged.photos, merged.repeated) == (3, 1)
    rows = [(row["name"], row["message"]) for row in lines(target)]
    assert rows == [("x", "b"), ("y", "a, later"), ("z", "b")]
    merge_manifests([tmp_path / "b.jsonl", tmp_path / "a.jsonl"], target)
    assert lines(target)[0]["message"] == "a"


def test_in_a_folder_the_shards_are_newer_and_one_that_has_not_run_is_named(tmp_path):
    (tmp_path / MANIFEST).write_text(line("x", "old") + line("y", "old"))
    (tmp_path / "manifest.3-of-3.jsonl").write_text(line("x", "new"))
    (tmp_path / "manifest.1-of-3.jsonl").write_text("")
    merged = merge_manifests([tmp_path])
    assert merged.missing == (Shard(2, 3),)
    assert {row["name"]: row["message"] for row in lines(tmp_path / MANIFEST)} == {
        "x": "new",
        "y": "old",
    }
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("not json\n", "line 2: not a record of a run"),
        ('{"name": "y"}\n', "line 2: not a record of a run"),
        ("\n", "line 2: not a record of a run"),
        (line("y")[:-9], "line 2: only half written"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(tmp_path, damage, words):
    (tmp_path / MANIFEST).write_text(line("a"))
    (tmp_path / "manifest.1-of-1.jsonl").write_text(line("x") + damage)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputFileError, match=f"manifest.1-of-1.jsonl, {words}"):
        merge_manifests([tmp_path])
    with pytest.raises(InputFileError, match=words):
        merge_manifests([tmp_path / "manifest.1-of-1.jsonl"], tmp_path / "all.jsonl")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_places_without_a_manifest_are_refused(tmp_path):
    with pytest.raises(NothingToDoError, match="no manifest here"):
        merge_manifests([tmp_path])
    with pytest.raises(UsageError, match="no such file or folder"):
        merge_manifests([tmp_path / "none"], tmp_path / "all.jsonl")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / MANIFEST).write_text(line("x"))
    with pytest.raises(UsageError, match="--output"):
        merge_manifests([tmp_path, tmp_path])


def test_readers_of_a_run_are_told_to_merge_its_shards(tmp_path):
    from maskdepth_cli.commands.gallery import write_gallery
    from maskdepth_cli.commands.gallery_request import GalleryRequest

    (tmp_path / "manifest.1-of-2.jsonl").write_text(line("x"))
    with pytest.raises(NothingToDoError, match="maskdepth merge-manifests"):
        write_gallery(GalleryRequest(tmp_path))
