"""The page in the browser, in headless Chromium, where gradio and Chromium are installed."""

from __future__ import annotations

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


@pytest.mark.skipif(HAS_GRADIO, reason="gradio is installed")
def test_without_gradio_one_line_says_what_to_install(maskdepth):
    ended = maskdepth("app")
    assert ended.code == ExitCode.USAGE
    assert "pip install 'maskdepth[app]'" in ended.err


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "maskdepth_cli", "app", "--port", str(port)]
    process = subprocess.Popen(command)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.communicate()


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


@pytest.mark.skipif(not HAS_GRADIO, reason="gradio is not installed")
@pytest.mark.skipif(browser.CHROMIUM is None, reason="Chromium is not installed")
def test_a_portrait_photo_is_refined_and_no_other_host_is_asked(address, tmp_path):
    photo, matte, codes = built.scene()
    frames = [(codes, built.apple_depth()), (matte, built.apple_matte())]
    path = tmp_path / "person.jpg"
    path.write_bytes(built.mpo(photo, frames))
    wait_for(lambda: answers(address))
    with browser.open_browser(tmp_path / "profile") as page:
        page.visit(f"http://{address}/")
        wait_for(lambda: page.evaluate("!!document.querySelector('#photo input[type=file]')"))
        page.choose_file("#photo input[type=file]", path)
        shown = "document.querySelector('#photo').innerText"
        wait_for(lambda: "person" in page.evaluate(shown))
        page.evaluate("document.querySelector('#refine').click()")
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
