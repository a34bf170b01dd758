"""Fetching weights files: resumable, verified, atomic, one process at a time."""

from __future__ import annotations

import http.client
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from maskdepth_cli.errors import OutputError, WeightsError
from maskdepth_cli.weights.cache import OFFLINE, is_offline, weights_sha256

Report = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes there will be, 0 where unknown."""

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without a byte
ATTEMPTS = 4  # connections in a row that bring nothing new
LARGEST = 8 << 30  # bytes, where the size of a file is not known
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str,
    size: int = 0,
    report: Report = lambda done, total: None,
) -> Path:
    """Download a file unless it is here; resume a download that was interrupted.

    A second process that wants the same file waits for the first one and takes its result.

    Parameters
    ----------
    url
        https, or http on this machine itself. Redirects keep the scheme.
    target
        Where the file appears once it is whole and verified; beside it ``target.part`` and a lock.
    sha256
        Expected digest, hex.
    size
        Expected bytes, 0 where unknown.
    report
        Progress.

    Raises
    ------
    WeightsError
        Offline, no connection, another content than expected.
    OutputError
        The folder cannot be written.
    """
    from filelock import FileLock

    if target.is_file():
        return target
    check_url(url)
    if is_offline():
        raise WeightsError(
            f"{target.name} is not in {target.parent} and {OFFLINE} forbids to download it; "
            f"unset it, or fetch {url} elsewhere and give the file with --weights"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(target.name + ".lock")):
            if target.is_file():
                return target
            part = target.with_name(target.name + ".part")
            _download(url, part, size, report)
            install(part, target, sha256=sha256, move=True)
    except urllib.error.HTTPError as error:
        raise WeightsError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        raise WeightsError(
            f"{url}: the download broke off ({error}); run again, it goes on where it stopped"
        ) from error
    except OSError as error:
        raise OutputError(
            f"{target}: cannot write weights: {error.strerror or error}; "
            "MASKDEPTH_HOME moves the folder"
        ) from error
    return target


def install(source: Path, target: Path, *, sha256: str, move: bool = False) -> Path:
    """Put a file into the cache under its final name, if it has the expected content.

    Parameters
    ----------
    source
        A file; with ``move`` it is in the target's folder, and removed where its content is wrong.
    target
        The final name.
    sha256
        Expected digest, hex.

    Raises
    ------
    WeightsError
        Another content.
    """
    digest = weights_sha256(source)
    if digest != sha256.lower():
        hint = "it was left as it is"
        if move:
            source.unlink()
            hint = "the download was removed; try again"
        raise WeightsError(f"{source}: sha256 is {digest}, expected {sha256}; {hint}")
    if not move:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".copy")
        shutil.copyfile(source, part)
        source = part
    source.replace(target)
    return target


def check_url(url: str) -> None:
    """Raise WeightsError unless a URL is https, or http on this machine itself."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return
    raise WeightsError(f"{url}: weights are downloaded over https only")


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirects that keep the scheme."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Refuse another scheme."""
        if urlsplit(newurl).scheme != urlsplit(req.full_url).scheme:
            raise WeightsError(f"{req.full_url}: refused a redirect to {newurl}: another scheme")
        check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, part: Path, size: int, report: Report) -> None:
    """Bring a partial file to its full length, over as many connections as it takes."""
    opener = urllib.request.build_opener(_SameScheme)
    failures = 0
    while failures < ATTEMPTS:
        before = _length(part)
        broken: Exception = urllib.error.URLError("the connection closed early")
        try:
            if _connect(opener, url, part, size or LARGEST, report):
                return
        except urllib.error.HTTPError:
            raise
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            ConnectionError,
            TimeoutError,
        ) as error:
            broken = error
        failures = 0 if _length(part) > before else failures + 1
    raise broken


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _connect(
    opener: urllib.request.OpenerDirector, url: str, part: Path, limit: int, report: Report
) -> bool:
    """Append what one connection brings; return whether the file is complete."""
    start = _length(part)
    headers = {"User-Agent": "maskdepth", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response = opener.open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            # Either it was complete already, which the digest decides, or it is another file.
            whole = re.search(r"/(\d+)$", error.headers.get("Content-Range", ""))
            if whole and int(whole[1]) == start:
                return True
            part.unlink()
            return False
        raise
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            start = 0
        total = start + int(response.headers.get("Content-Length") or 0)
        if total > limit:
            raise WeightsError(f"{url}: {total} bytes, more than the expected {limit}")
        with part.open("ab" if start else "wb") as file:
            _copy(response, file, start, limit, lambda done: report(done, max(total, done)))
        return _length(part) >= total


def _copy(
    response: IO[bytes], file: IO[bytes], done: int, limit: int, report: Callable[[int], None]
) -> None:
    while chunk := response.read(CHUNK):
        done += len(chunk)
        if done > limit:
            raise WeightsError(
                f"{file.name}: the server sends more than the expected {limit} bytes"
            )
        file.write(chunk)
        report(done)
