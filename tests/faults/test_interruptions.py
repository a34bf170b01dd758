"""Real processes, killed: what is written is whole, and a restart ends as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from maskdepth_cli.errors import ExitCode

PHOTOS = 16


@pytest.fixture
def undisturbed(album, launch):
    """Run once over many photos, keep the result, and start afresh."""
    for i in range(PHOTOS):
        album.add(f"{i % 3}/{i:02}.jpg")
    album.arguments_used = album.arguments("--layers")
    assert launch(*album.arguments_used).wait() == ExitCode.OK
    files, names = album.files(), list(album.records())
    album.out.rename(album.root / "undisturbed")
    return files, names


def lines(album):
    try:
        return (album.out / "manifest.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def has_lines(album, count):
    return lines(album) >= count


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def assert_whole(album, files):
    """What the manifest calls done is there, byte for byte."""
    for line in (album.out / "manifest.jsonl").read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            for output in json.loads(line)["outputs"].values():
                assert (album.out / output["path"]).read_bytes() == files[output["path"]]


def test_killed_at_any_moment_and_started_again(album, undisturbed, launch):
    files, names = undisturbed
    chance = random.Random(0)
    kills = 0
    for goal in (0, 1, 3, 6, 6, 9, 12):
        process = launch(*album.arguments_used)
        wait_for(partial(has_lines, album, goal))
        time.sleep(chance.random() * 0.03)
        os.kill(process.pid, signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        for place, content in album.files().items() if album.out.exists() else ():
            assert place not in files or files[place] == content
        if lines(album):
            assert_whole(album, files)
    assert kills >= 4
    assert launch(*album.arguments_used).wait() == ExitCode.OK
    assert album.files() == files
    assert sorted(album.records()) == sorted(names)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_in_order_and_says_how_to_go_on(album, undisturbed, launch, number):
    files, _ = undisturbed
    process = launch(*album.arguments_used)
    wait_for(lambda: lines(album) >= 3)
    os.kill(process.pid, number)
    assert process.wait() == ExitCode.INTERRUPTED
    text = process.log.read_text()
    done = lines(album)
    assert 3 <= done < PHOTOS
    assert f"{PHOTOS - done} of {PHOTOS} photos are left" in text
    assert "run the same command again" in text
    assert "Traceback" not in text
    assert_whole(album, files)
    assert set(album.files()) <= set(files)  # no lock, no temporary file
    assert launch(*album.arguments_used).wait() == ExitCode.OK
    assert album.files() == files


def test_two_runs_on_one_folder(album, undisturbed, launch):
    files, _ = undisturbed
    process = launch(*album.arguments_used)
    wait_for(lambda: lines(album) >= 1)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        command = [sys.executable, "-m", "maskdepth_cli", *album.arguments_used]
        second = subprocess.run(command, capture_output=True, text=True)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert second.returncode == ExitCode.OUTPUT
    assert f"another run is writing here (process {process.pid} on " in second.stderr
    assert process.wait() == ExitCode.OK
    assert album.files() == files


def test_a_full_disk_ends_the_run_and_leaves_nothing_half(album, undisturbed, launch):
    files, _ = undisturbed
    limit = sorted(len(content) for name, content in files.items() if "/" in name)[-1] // 2
    process = launch(*album.arguments_used, largest_file=limit)
    assert process.wait() == ExitCode.OUTPUT
    text = process.log.read_text()
    assert "Traceback" not in text
    assert "run the same command again" in text
    for name, content in album.files().items():
        assert files[name] == content
    assert launch(*album.arguments_used).wait() == ExitCode.OK
    assert album.files() == files
