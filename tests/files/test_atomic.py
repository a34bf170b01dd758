"""Whole files or none, whatever happens while they are written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from maskdepth_cli.errors import OutputError
from maskdepth_cli.files.atomic import (
    atomic_write,
    check_writable,
    ignores_case,
    is_temporary,
    remove_stale,
)


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    prelude = "import sys; from maskdepth_cli.files.atomic import *\n"
    command = [sys.executable, "-c", prelude + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(target: Path, content: str) -> None:
    with atomic_write(target) as temporary:
        temporary.write_text(content)


def test_success_replaces_the_target(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.png"
    for content in ("first", "second"):
        with atomic_write(target) as temporary:
            assert temporary.parent == target.parent
            assert temporary.name.startswith(".")
            assert temporary.suffix == ".png"
            assert is_temporary(temporary)
            temporary.write_text(content)
        assert target.read_text() == content
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, OSError, SystemExit])
def test_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    target = tmp_path / "a.png"
    target.write_text("old")
    expected = OutputError if failure is OSError else failure

    def fail() -> None:
        with atomic_write(target) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(expected):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a") as temporary:
        temporary.write_text("x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".png")
    with atomic_write(target) as temporary:
        temporary.write_text("x")
    assert target.read_text() == "x"


def test_a_target_in_the_way_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("x")
    for target in (tmp_path / "folder.png", tmp_path / "file" / "a.png"):
        with pytest.raises(OutputError, match="cannot be written: ") as failure:
            write(target, "x")
        assert "\n" not in str(failure.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.png"]


def test_an_encoder_that_writes_nothing_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(OutputError), atomic_write(tmp_path / "a.png"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path: Path) -> None:
    # A limit on the file size fails the same write that a full disk fails.
    code = """
import numpy as np, resource, signal
from maskdepth_cli.errors import OutputError
from maskdepth_cli.files.depth_writing import write_depth
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
depth = np.random.default_rng(0).random((200, 200)).astype(np.float32)
for format in ("png16", "tiff", "npy", "npz", "pfm"):
    try:
        write_depth(sys.argv[1] + "/d." + format, depth, format=format)
    except OutputError as error:
        print(error)
"""
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert all("cannot be written: File too large" in line for line in lines), lines
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_what_a_kill_leaves_is_found_and_removed(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "a.png"
    code = """
import os
with atomic_write(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), 9)
"""
    assert run(code, target).returncode == -signal.SIGKILL
    assert not target.exists()
    keep = tmp_path / "sub" / "keep.png"
    keep.write_text("x")
    (left,) = (p for p in keep.parent.iterdir() if p != keep)
    assert is_temporary(left)
    with atomic_write(tmp_path / "b.png") as own:
        own.write_text("being written")
        assert remove_stale(tmp_path) == 1
        assert own.exists()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["b.png", "keep.png", "sub"]
    assert remove_stale(tmp_path) == 0
    assert remove_stale(tmp_path / "missing") == 0


def test_check_writable(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="output folder cannot be written"):
            check_writable(folder)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            check_writable(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_ignores_case_matches_what_the_file_system_does(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert ignores_case(tmp_path) == (tmp_path / "A").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
