from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from maskdepth_cli.errors import ExitCode, OutputError
from maskdepth_cli.run.target import LOCK, TargetLock

HOLDER = """
import sys, time
from pathlib import Path
from maskdepth_cli.run.target import TargetLock
with TargetLock(Path(sys.argv[1])) as lock:
    Path(sys.argv[1], ".maskdepth-0123.tmp.png").write_text("half")
    print(lock.stale, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"False\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_refused_and_told_who_is_there(holder, tmp_path):
    with pytest.raises(OutputError, match=f"process {holder.pid} ") as caught, TargetLock(tmp_path):
        pass
    assert caught.value.exit_code == ExitCode.OUTPUT
    assert (tmp_path / LOCK).exists()


def test_the_lock_of_a_killed_run_is_taken_and_its_leavings_removed(holder, tmp_path):
    (tmp_path / "mine.png").write_text("mine")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / ".maskdepth-0123.tmp.png").exists()
    with TargetLock(tmp_path) as lock:
        assert lock.stale
    assert [path.name for path in tmp_path.iterdir()] == ["mine.png"]
    with TargetLock(tmp_path) as lock:
        assert not lock.stale


def test_the_folder_is_made_and_free_again_after_an_error(tmp_path):
    folder = tmp_path / "a" / "b"
    with pytest.raises(ValueError, match="inside"), TargetLock(folder):
        raise ValueError("inside")
    with TargetLock(folder) as lock:
        assert not lock.stale
    assert list(folder.iterdir()) == []


def test_what_is_not_a_writable_folder_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below", Path("/proc/none")):
        with pytest.raises(OutputError), TargetLock(folder):
            pass
