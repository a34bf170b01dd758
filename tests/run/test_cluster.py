"""A cluster of two workers on this machine: the same files, whatever dies in the middle."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from house import Reverser

from maskdepth_cli.errors import ExitCode, UsageError, WeightsError
from maskdepth_cli.run.options import Cluster
from maskdepth_cli.run.target import MANIFEST

TWO = Cluster("ray", ray_workers=2)


@pytest.fixture
def cluster():
    """Let workers have the classes of these modules, which they cannot import."""
    ray = pytest.importorskip("ray")
    for name in ("house", __name__):
        ray.cloudpickle.register_pickle_by_value(sys.modules[name])
    yield ray
    assert not ray.is_initialized()


def files(house):
    return {
        str(path.relative_to(house.target)): path.read_bytes()
        for path in house.target.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }


def records(house):
    """Return the manifest by name, without the seconds."""
    rows = map(json.loads, (house.target / MANIFEST).read_text().splitlines())
    return {row["name"]: row | {"seconds": 0} for row in rows}


def lines(house):
    try:
        return (house.target / MANIFEST).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def locally(house, *jobs, **options):
    """Run in this process, keep what came of it, and start afresh."""
    code = house.run(*jobs, **options)
    found = code, files(house), records(house)
    house.target.rename(house.root / "local")
    return found


def actors():
    """Return the processes of actors below this one."""
    parents, names = {}, {}
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                parents[place.name] = (
                    place.joinpath("stat").read_text().rpartition(") ")[2].split()[1]
                )
                names[place.name] = place.joinpath("cmdline").read_text()
            except OSError:
                continue

    def ours(pid):
        while pid in parents and pid != str(os.getpid()):
            pid = parents[pid]
        return pid == str(os.getpid())

    return sorted(int(p) for p, name in names.items() if name.startswith("ray::Actor") and ours(p))


class Slow(Reverser):
    def compute(self, loaded):
        time.sleep(0.02)
        return super().compute(loaded)


def test_a_worker_killed_in_the_middle_leaves_no_trace(cluster, house, photos, capsys):
    jobs = [*photos(100), house.job("missing.txt")]
    house.write("bad.txt", b"bad")
    jobs.append(house.job("bad.txt"))
    code, whole, rows = locally(house, *jobs)
    assert code == ExitCode.SOME_FAILED
    killed = []

    def kill():
        while lines(house) < 10:
            time.sleep(0.005)
        killed.extend(actors())
        os.kill(killed[0], signal.SIGKILL)

    house.worker_type = Slow
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert house.run(*jobs, cluster=TWO) == ExitCode.SOME_FAILED
    killer.join(1)
    assert len(killed) == 2
    assert "a worker died" in capsys.readouterr().err
    assert files(house) == whole
    assert records(house) == rows
    assert lines(house) == len(jobs)
    house.run(*jobs[:100])
    assert house.worker is None  # here too it is known what is done
    assert actors() == []


class Deadly(Reverser):
    def compute(self, loaded):
        if any(b"deadly" in data for data in loaded):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compute(loaded)


def test_a_photo_that_kills_its_worker_fails_alone(cluster, house, photos):
    jobs = photos(12)
    house.write("005.txt", b"deadly")
    house.worker_type = Deadly
    assert house.run(*jobs, cluster=TWO) == ExitCode.SOME_FAILED
    rows = records(house)
    assert {name for name, row in rows.items() if row["status"] == "failed"} == {"005.txt"}
    assert "its worker died 3 times" in rows["005.txt"]["message"]
    assert len(files(house)) == 11


def test_batches_errors_and_touched_files_are_as_here(cluster, house, photos):
    jobs = photos(9)
    house.write("004.txt", b"poison")
    code, whole, rows = locally(house, *jobs, batch_size=4)
    assert house.run(*jobs, cluster=TWO, batch_size=4) == code == ExitCode.SOME_FAILED
    assert (files(house), records(house)) == (whole, rows)
    os.utime(jobs[0].image, ns=(5, 5))
    written = (house.target / "000.out").stat().st_mtime_ns
    house.write("004.txt", b"mended")
    assert house.run(*jobs, cluster=TWO) == ExitCode.OK
    assert (house.target / "000.out").stat().st_mtime_ns == written
    house.run(*jobs)
    assert house.worker is None


class Weightless(Reverser):
    def __init__(self, *arguments, **options):
        raise WeightsError("w.safetensors: no such weights")


def test_weights_that_do_not_load_end_the_run_with_their_own_words(cluster, house, photos):
    house.worker_type = Weightless
    with pytest.raises(WeightsError, match=r"^w.safetensors: no such weights$"):
        house.run(*photos(3), cluster=TWO)
    assert actors() == []


def test_a_cluster_that_is_not_there_is_one_line(cluster, house, photos, monkeypatch):
    for address in ("auto", "127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(UsageError, match=f"--ray-address {address}: no cluster there"):
            house.run(*photos(1), cluster=Cluster("ray", address))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'maskdepth\[ray\]'"):
        house.run(*photos(1), cluster=TWO)


def test_options_of_a_cluster_need_one():
    assert Cluster().executor == "local"
    for address, workers in [("auto", None), (None, 2)]:
        with pytest.raises(UsageError, match="need --executor ray"):
            Cluster("local", address, workers)
