"""Makes the modules of this folder importable from all tests; albums, caches and servers to use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from album import Album
from file_server import CONTENT, FileServer
from launching import Nursery, Process, save_untrained
from launching import nursery as running_nursery


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("weights") / "untrained.safetensors")


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write bytes to a file; the name may lie about the format."""

    def write(data: bytes, name: str = "file.png") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def album(tmp_path: Path, weights: Path) -> Album:
    return Album(tmp_path, weights)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with running_nursery() as running:
        yield running


@pytest.fixture
def launch(nursery: Nursery, tmp_path: Path) -> Callable[..., Process]:
    """Start the command; the process runs on while the test does."""

    def start(*arguments: str, largest_file: int = -1) -> Process:
        return nursery.launch([*arguments], tmp_path / "log", largest_file=largest_file)

    return start


@pytest.fixture
def server() -> Iterator[FileServer]:
    """A small HTTP server that can be told to misbehave."""
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.ranges.append(wanted)
            if state.gate:
                state.gate.wait(20)
            if state.redirect:
                self.send_response(302)
                self.send_header("Location", state.redirect)
                self.end_headers()
                return
            if state.status:
                self.send_error(state.status)
                return
            start = int(wanted.split("=")[1].rstrip("-")) if wanted and state.honours_ranges else 0
            if start >= len(CONTENT):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
                self.end_headers()
                return
            body = CONTENT[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
                )
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.break_after is not None:
                self.wfile.write(body[: state.break_after])
                self.close_connection = True
                return
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}/weights.pt"
    yield state
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("MASKDEPTH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MASKDEPTH_OFFLINE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where anything opens a socket."""
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
