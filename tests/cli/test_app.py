"""The page in the browser, in headless Chromium, where gradio and Chromium are installed."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request

import browser
import portrait_files as built
import pytest

from maskdepth_cli.errors import ExitCode

HAS_GRADIO = importlib.util.find_spec("gradio") is not None
SECONDS = 240


def needs_browser(test):
    test = pytest.mark.skipif(not HAS_GRADIO, reason="make test-app brings gradio")(test)
    return pytest.mark.skipif(browser.CHROMIUM is None, reason="Chromium is not installed")(test)


@pytest.mark.skipif(HAS_GRADIO, reason="gradio is installed")
def test_without_gradio_one_line_says_what_to_install(maskdepth):
    ended = maskdepth("app")
    assert ended.code == ExitCode.USAGE
    assert "pip install 'maskdepth[app]'" in ended.err


@pytest.fixture
def address(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "maskdepth_cli", "app", "--port", str(port)]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        yield f"127.0.0.1:{port}"
        process.terminate()
        process.communicate()
    assert "Traceback" not in (tmp_path / "said").read_text()


def wait_for(what):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.2)
    raise AssertionError("it did not come")


def answers(address):
    try:
        with urllib.request.urlopen(f"http://{address}/"):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def dropped(address, path):
    """Yield the page after a photo was chosen and the button pressed."""
    wait_for(lambda: answers(address))
    with browser.open_browser(path.parent / "profile") as page:
        page.visit(f"http://{address}/")
        wait_for(lambda: page.evaluate("!!document.querySelector('#photo input[type=file]')"))
        page.choose_file("#photo input[type=file]", path)
        shown = "document.querySelector('#photo').innerText"
        wait_for(lambda: path.stem in page.evaluate(shown))
        page.evaluate("document.querySelector('#refine').click()")
        yield page


@needs_browser
def test_a_portrait_photo_is_refined_and_no_other_host_is_asked(address, tmp_path):
    photo, matte, codes = built.scene()
    frames = [(codes, built.apple_depth()), (matte, built.apple_matte())]
    path = tmp_path / "person.jpg"
    path.write_bytes(built.mpo(photo, frames))
    with dropped(address, path) as page:
        said = "document.querySelector('#facts').innerText"
        wait_for(lambda: "96 x 64 pixels" in page.evaluate(said))
        facts = page.evaluate(said)
        files = page.evaluate("document.querySelector('#files').innerText")
        for role in ("depth", "foreground", "background", "mask", "preview"):
            assert f"person_{role}" in files
        assert "container MPO" in facts
        assert page.evaluate("document.querySelectorAll('#slider img').length") == 2
    asked = {url.split("/")[2] for url in page.requests if url.startswith(("http", "ws"))}
    assert asked == {address}


@needs_browser
def test_a_photo_without_a_matte_gets_a_line(address, tmp_path):
    path = tmp_path / "plain.jpg"
    path.write_bytes(built.jpeg(built.scene()[0]))
    with dropped(address, path) as page:
        line = "plain.jpg: it holds no portrait matte; add a mask"
        wait_for(lambda: line in page.evaluate("document.body.innerText"))
