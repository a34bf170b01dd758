from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from file_server import CONTENT, FileServer

from maskdepth_cli.errors import OutputError, WeightsError
from maskdepth_cli.weights.download import check_url, fetch, install


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith(".lock"))


def test_downloads_once(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "new" / "weights.pt"
    seen: list[tuple[int, int]] = []
    fetch(
        server.url,
        target,
        sha256=server.sha256,
        size=server.size,
        report=lambda done, total: seen.append((done, total)),
    )
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (server.size, server.size)
    fetch(server.url, target, sha256=server.sha256)
    assert server.ranges == [None]
    assert leftovers(target.parent) == ["weights.pt"]


def test_goes_on_where_a_killed_process_stopped(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    (tmp_path / "weights.pt.part").write_bytes(CONTENT[:200_000])
    fetch(server.url, target, sha256=server.sha256, size=server.size)
    assert server.ranges == ["bytes=200000-"]
    assert target.read_bytes() == CONTENT


def test_resumes_a_connection_that_drops(server: FileServer, tmp_path: Path) -> None:
    server.break_after = 200_000
    target = tmp_path / "weights.pt"
    fetch(server.url, target, sha256=server.sha256, size=server.size)
    assert server.ranges == [None, "bytes=200000-", "bytes=400000-"]
    assert target.read_bytes() == CONTENT


def test_starts_again_where_the_server_knows_no_ranges(server: FileServer, tmp_path: Path) -> None:
    server.honours_ranges = False
    target = tmp_path / "weights.pt"
    (tmp_path / "weights.pt.part").write_bytes(b"x" * 1000)
    fetch(server.url, target, sha256=server.sha256)
    assert target.read_bytes() == CONTENT


def test_a_whole_partial_file_is_taken(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "weights.pt.part").write_bytes(CONTENT)
    fetch(server.url, tmp_path / "weights.pt", sha256=server.sha256)
    assert leftovers(tmp_path) == ["weights.pt"]


def test_a_partial_file_that_is_too_long_is_dropped(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "weights.pt.part").write_bytes(CONTENT + b"x")
    fetch(server.url, tmp_path / "weights.pt", sha256=server.sha256)
    assert (tmp_path / "weights.pt").read_bytes() == CONTENT


def test_wrong_content_is_refused_and_removed(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="sha256 is"):
        fetch(server.url, tmp_path / "weights.pt", sha256="0" * 64)
    assert leftovers(tmp_path) == []


def test_more_than_the_expected_size_is_refused(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="more than the expected"):
        fetch(server.url, tmp_path / "weights.pt", sha256=server.sha256, size=1000)
    assert not (tmp_path / "weights.pt").exists()


def test_a_server_error_is_one_line(server: FileServer, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(WeightsError, match="404") as caught:
        fetch(server.url, tmp_path / "weights.pt", sha256=server.sha256)
    assert "\n" not in str(caught.value)
    assert len(server.ranges) == 1  # no use in asking again


def test_gives_up_where_nothing_comes(tmp_path: Path, server: FileServer) -> None:
    server.break_after = 0
    with pytest.raises(WeightsError, match="run again"):
        fetch(server.url, tmp_path / "weights.pt", sha256=server.sha256)


@pytest.mark.parametrize("elsewhere", ["ftp://127.0.0.1/w", "https://127.0.0.1/w", "file:///etc/x"])
def test_no_redirect_to_another_scheme(server: FileServer, tmp_path: Path, elsewhere: str) -> None:
    server.redirect = elsewhere
    with pytest.raises(WeightsError, match=r"(?i)redirect"):
        fetch(server.url, tmp_path / "weights.pt", sha256=server.sha256)


@pytest.mark.parametrize(
    "url", ["http://example.org/w.pt", "ftp://example.org/w.pt", "file:///w.pt"]
)
def test_only_https(url: str) -> None:
    with pytest.raises(WeightsError, match="https only"):
        check_url(url)
    check_url("https://example.org/w.pt")


@pytest.mark.usefixtures("no_sockets")
def test_offline_opens_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKDEPTH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="MASKDEPTH_OFFLINE"):
        fetch("https://example.org/w.pt", tmp_path / "w.pt", sha256="0" * 64)
    (tmp_path / "w.pt").write_bytes(b"here")
    fetch("https://example.org/w.pt", tmp_path / "w.pt", sha256="0" * 64)


def test_a_second_process_waits_and_takes_the_result(server: FileServer, tmp_path: Path) -> None:
    server.gate = threading.Event()
    target = tmp_path / "weights.pt"
    code = (
        "import sys; from pathlib import Path; from maskdepth_cli.weights.download import fetch;"
        "fetch(sys.argv[1], Path(sys.argv[2]), sha256=sys.argv[3])"
    )
    command = [sys.executable, "-c", code, server.url, str(target), server.sha256]
    others = [subprocess.Popen(command) for _ in range(2)]
    while not server.ranges:  # one of them holds the lock and waits for the server
        assert all(other.poll() is None for other in others)
    server.gate.set()
    assert [other.wait(60) for other in others] == [0, 0]
    assert server.ranges == [None]
    assert target.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_made_is_an_output_error(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="MASKDEPTH_HOME"):
        fetch(server.url, tmp_path / "file" / "weights.pt", sha256=server.sha256)


def test_install_copies_a_file_of_the_right_content(tmp_path: Path) -> None:
    own = tmp_path / "own.pth"
    own.write_bytes(b"weights")
    target = tmp_path / "cache" / "weights.pt"
    with pytest.raises(WeightsError, match="expected"):
        install(own, target, sha256="0" * 64)
    assert own.exists()
    assert not target.exists()
    install(own, target, sha256=hashlib.sha256(b"weights").hexdigest().upper())
    assert target.read_bytes() == b"weights"
    assert leftovers(target.parent) == ["weights.pt"]
