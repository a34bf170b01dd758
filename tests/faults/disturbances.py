"""What can happen to a run: each case does it to real processes and checks what is left.

A case returns what came out, in words; it fails with an `AssertionError`. How often is up to the
caller: a few times in the tests, many times by command.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from album import Album
from launching import Nursery, Process

from maskdepth_cli.errors import ExitCode

PATIENCE = 300  # seconds until a run counts as hung
HINT = "run the same command again"


@dataclass
class Site:
    """A folder to work in, and what an undisturbed run over its photos gives."""

    root: Path
    nursery: Nursery
    weights: Path
    photos: int
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    seconds: float = 0.0  # that an undisturbed run takes
    _whole: dict[str, bytes] = field(default_factory=dict)
    _albums: int = 0

    def album(self) -> Album:
        """Return photos of their own for a case; equal ones every time."""
        self._albums += 1
        album = Album(self.root / str(self._albums), self.weights)
        for i in range(self.photos):
            album.add(f"{i % 3}/{i:02}.jpg")
        return album

    def start(self, album: Album, *more: str, **settings: int | str) -> Process:
        """Start a run."""
        arguments = album.arguments("--layers", *more)
        return self.nursery.launch(arguments, album.root / "log", **settings)  # type: ignore[arg-type]

    def run(self, album: Album, *more: str, **settings: int | str) -> tuple[int, str]:
        """Return the exit code and the output of a run, which has no traceback."""
        return end(self.start(album, *more, **settings))

    def whole(self) -> dict[str, bytes]:
        """Return the outputs of an undisturbed run by name."""
        if not self._whole:
            album = self.album()
            assert self.run(album)[0] == ExitCode.OK
            self._whole = album.files()
            start = time.perf_counter()  # not the first one, which finds no file in memory
            assert self.run(album, "--overwrite")[0] == ExitCode.OK
            self.seconds = time.perf_counter() - start
            assert album.files() == self._whole
        return self._whole

    def assert_finished(self, album: Album) -> None:
        """Check that nothing tells a run's outputs from those of an undisturbed one."""
        assert album.files() == self.whole()
        assert len(album.records()) == self.photos
        assert {record["status"] for record in album.records().values()} == {"done"}

    def assert_no_half(self, album: Album, *, tidy: bool = True) -> int:
        """Check that what is there is whole, and noted where it is done; return its lines."""
        whole = self.whole()
        for name, content in album.files().items() if album.out.exists() else ():
            if tidy or name in whole:
                assert whole.get(name) == content, name
        manifest = album.out / "manifest.jsonl"
        lines = manifest.read_bytes().splitlines(keepends=True) if manifest.exists() else []
        for line in lines:
            assert line.endswith(b"\n") or not tidy
            row = json.loads(line) if line.endswith(b"\n") else {"outputs": {}}
            for output in row["outputs"].values():
                assert (album.out / output["path"]).read_bytes() == whole[output["path"]]
        return len(lines)


def album_log(album: Album) -> str:
    """Return what the last run printed."""
    return (album.root / "log").read_text(errors="replace")


def end(process: Process) -> tuple[int, str]:
    """Wait for a process; it must end in time, and without a traceback."""
    code = process.wait()
    text = process.log.read_text(errors="replace")
    assert "Traceback" not in text, text[-2000:]
    return code, text


def lines(album: Album) -> int:
    """Return the number of lines in the manifest."""
    with contextlib.suppress(FileNotFoundError):
        return (album.out / "manifest.jsonl").read_bytes().count(b"\n")
    return 0


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


def signalled(number: signal.Signals) -> Callable[[Site, int], str]:
    """Return the case of a signal at random moments of runs that are started again."""

    def case(site: Site, times: int) -> str:
        whole = site.whole()
        album = site.album()
        hits, finished, seen = 0, 0, set()
        while hits < times:
            process = site.start(album)
            time.sleep(0.005 + site.chance.random() * site.seconds * 1.1)
            with contextlib.suppress(ProcessLookupError):  # it was faster
                os.kill(process.pid, number)
            code, text = end(process)
            if code == ExitCode.OK:
                site.assert_finished(album)
                finished += 1
                shutil.rmtree(album.out)
                continue
            hits += 1
            if number is signal.SIGKILL:
                assert code == -signal.SIGKILL
                seen.add(site.assert_no_half(album, tidy=False))
            else:
                assert code == ExitCode.INTERRUPTED, text
                assert "interrupted" in text
                seen.add(site.assert_no_half(album))
        assert site.run(album)[0] == ExitCode.OK
        site.assert_finished(album)
        return (
            f"{hits} times at a random moment, with {len(seen)} different numbers of photos done; "
            f"{finished} runs were faster; all {len(whole)} outputs byte for byte as undisturbed"
        )

    return case


def starting(number: signal.Signals) -> Callable[[Site, int], str]:
    """Return the case of a signal while the program is still being loaded."""

    def case(site: Site, times: int) -> str:
        album = site.album()
        command = [sys.executable, "-m", "maskdepth_cli", *album.arguments("--layers")]
        codes = []
        for _ in range(times):
            with (album.root / "log").open("w") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log)
                time.sleep(0.3 + 2 * site.chance.random())  # Python itself is up by then
                process.send_signal(number)
                codes.append(process.wait(PATIENCE))
            assert "Traceback" not in album_log(album), album_log(album)
            assert codes[-1] in (ExitCode.OK, ExitCode.INTERRUPTED), album_log(album)
            site.assert_no_half(album)
        assert site.run(album)[0] == ExitCode.OK
        site.assert_finished(album)
        return f"{times} times within 2.3 s of the start; exit code {sorted(set(codes))}"

    return case


def full_disk(site: Site, times: int) -> str:
    """A file system of its own that is too small, where one can be had; else a limit on files."""
    whole = site.whole()
    album = site.album()
    with small_disk(album.out, 60 << 10) as mounted:
        settings: dict[str, int | str] = {}
        if not mounted:
            settings["largest_file"] = max(map(len, whole.values())) // 2
        code, text = site.run(album, **settings)
        assert code == ExitCode.OUTPUT, text
        assert HINT in text
        done = site.assert_no_half(album)
        kept = album.root / "kept"
        shutil.copytree(album.out, kept)
    album.out.rmdir() if mounted else shutil.rmtree(album.out)
    kept.rename(album.out)  # as if room had been made
    assert site.run(album)[0] == ExitCode.OK
    site.assert_finished(album)
    how = "60 KiB tmpfs" if mounted else "files limited by RLIMIT_FSIZE"
    return f"{how}: exit code 5 after {done} photos, no half file; went on after room was made"


@contextlib.contextmanager
def small_disk(folder: Path, size: int, *options: str) -> Iterator[bool]:
    """Mount a tmpfs; yield whether that is allowed here."""
    folder.mkdir(parents=True, exist_ok=True)
    what = ",".join([f"size={size}", *options])
    command = ["mount", "-t", "tmpfs", "-o", what, "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def full_manifest(site: Site, times: int) -> str:
    """The limit is met by the manifest, in the middle of a line."""
    whole = site.whole()
    album = site.album()
    largest = max(map(len, whole.values())) + 700
    code, text = site.run(album, largest_file=largest)
    assert code == ExitCode.OUTPUT, text
    assert HINT in text
    assert site.assert_no_half(album) >= 1
    assert site.run(album)[0] == ExitCode.OK
    site.assert_finished(album)
    return "exit code 5, the manifest ends with a whole line; went on after room was made"


def read_only(site: Site, times: int) -> str:
    """A target that cannot be written, before any work."""
    album = site.album()
    with small_disk(album.out, 1 << 20, "ro") as mounted:
        if not mounted:
            album.out.chmod(0o500)
        code, text = site.run(album)
        assert code == ExitCode.OUTPUT or (not mounted and os.geteuid() == 0), text
        assert "cannot be written" in text or not mounted
        assert text.count("\n") == 1 or not mounted, text
        album.out.chmod(0o700) if not mounted else None
    return (
        f"{'read-only tmpfs' if mounted else 'chmod 500'}: exit code 5, one line, before any work"
    )


def file_as_target(site: Site, times: int) -> str:
    """A target that is a file."""
    album = site.album()
    album.out.write_text("here")
    code, text = site.run(album)
    assert code == ExitCode.OUTPUT, text
    assert text.count("\n") == 1
    assert album.out.read_text() == "here"
    return "exit code 5, one line, the file is left alone"


def removed_target(site: Site, times: int) -> str:
    """The target folder is removed in the middle of a run."""
    album = site.album()
    for _ in range(times):
        process = site.start(album)
        goal = site.chance.randrange(1, site.photos // 2)
        wait_for(lambda goal=goal: lines(album) >= goal)  # type: ignore[misc]
        while (album.out / "manifest.jsonl").exists():
            shutil.rmtree(album.out, ignore_errors=True)
        code, text = end(process)
        assert code == ExitCode.OUTPUT, text
        assert HINT in text
        assert site.run(album)[0] == ExitCode.OK
        site.assert_finished(album)
        shutil.rmtree(album.out)
    return f"{times} times: exit code 5; the same command makes everything anew"


def changed_inputs(site: Site, times: int) -> str:
    """Photos are replaced, rewritten in place and deleted while a run reads them."""
    album, other = site.album(), site.album()
    names = sorted(path.relative_to(album.root) for path in (album.root / "photos").rglob("*.jpg"))
    process = site.start(album)
    wait_for(lambda: lines(album) >= 2)
    gone = names[-1]
    (album.root / gone).unlink()
    for name in site.chance.sample(names[:-1], site.photos // 2):
        content = (album.root / names[0]).read_bytes()[:-2] + b"\0\xff\xd9"
        if site.chance.random() < 0.5:
            (album.root / name).write_bytes(content)
        else:
            (album.root / "new").write_bytes(content)
            (album.root / "new").replace(album.root / name)
        (other.root / name).write_bytes(content)
    (other.root / gone).unlink()
    code, text = end(process)
    assert code == ExitCode.SOME_FAILED, text
    failed = [row for row in album.records().values() if row["status"] == "failed"]
    assert all(row["message"] for row in failed)
    for row in album.records().values():
        for output in row["outputs"].values():
            assert (album.out / output["path"]).stat().st_size == output["size"]
    assert site.run(album)[0] == ExitCode.OK
    assert site.run(other)[0] == ExitCode.OK
    files, stale = album.files(), set(site.whole())
    for name, content in other.files().items():
        assert files[name] == content, name
    assert set(files) <= stale
    return (
        f"{site.photos // 2} replaced, 1 deleted: {len(failed)} failed with their reason, exit "
        "code 1; run again, the outputs are those of the new photos"
    )


def two_runs(site: Site, times: int) -> str:
    """A second run while the first one is there."""
    album = site.album()
    process = site.start(album)
    wait_for(lambda: lines(album) >= 1)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        command = [sys.executable, "-m", "maskdepth_cli", *album.arguments("--layers")]
        second = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert second.returncode == ExitCode.OUTPUT
    assert f"another run is writing here (process {process.pid} on " in second.stderr
    assert second.stderr.count("\n") == 1
    assert end(process)[0] == ExitCode.OK
    site.assert_finished(album)
    return "the second one: exit code 5, one line with the other's process; the first one is whole"


def stale_lock(site: Site, times: int) -> str:
    """What a killed run leaves: its lock, temporary files, a half line; and a lock of nonsense."""
    album = site.album()
    process = site.start(album)
    wait_for(lambda: lines(album) >= 2)
    os.kill(process.pid, signal.SIGKILL)
    assert end(process)[0] == -signal.SIGKILL
    (album.out / ".maskdepth.lock").write_bytes(b"[" * 100_000)
    (album.out / "0" / ".maskdepth-0123.tmp.png").write_bytes(b"half")
    (album.out / ".maskdepth-probe-0123.tmp").write_bytes(b"probe")
    with (album.out / "manifest.jsonl").open("ab") as manifest:
        manifest.write(b'{"name": "half')
    code, text = site.run(album)
    assert code == ExitCode.OK, text
    assert "the run before this one was killed; going on where it stopped" in text
    site.assert_finished(album)
    return "noticed in a line; temporary files and the half line are gone, the rest is kept"


def probe_left(site: Site, times: int) -> str:
    """A run that was killed before it held the lock."""
    album = site.album()
    album.out.mkdir()
    (album.out / ".maskdepth-probe-0123.tmp").write_bytes(b"probe")
    assert site.run(album)[0] == ExitCode.OK
    site.assert_finished(album)
    return "the file with which it tried the folder is removed"


def closed_output(site: Site, times: int) -> str:
    """Whoever reads `--json` goes away, or its disk is full."""
    album = site.album()
    if Path("/dev/full").exists():
        code, text = site.run(album, "--json", stdout="/dev/full")
        assert code == ExitCode.OUTPUT, text
        assert "standard output cannot be written" in text
        site.assert_no_half(album)
    command = [sys.executable, "-m", "maskdepth_cli", *album.arguments("--layers", "--json")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        text = process.stderr.read()
        assert process.wait(PATIENCE) == ExitCode.OUTPUT, text
    assert "Traceback" not in text
    assert "Exception ignored" not in text
    assert HINT in text
    site.assert_no_half(album)
    assert site.run(album)[0] == ExitCode.OK
    site.assert_finished(album)
    return "exit code 5, one line; what is done is kept"


CASES: dict[str, Callable[[Site, int], str]] = {
    "SIGKILL, started again until done": signalled(signal.SIGKILL),
    "SIGTERM, started again until done": signalled(signal.SIGTERM),
    "Ctrl-C, started again until done": signalled(signal.SIGINT),
    "SIGTERM while the program is loaded": starting(signal.SIGTERM),
    "Ctrl-C while the program is loaded": starting(signal.SIGINT),
    "full disk": full_disk,
    "full disk within a line of the manifest": full_manifest,
    "read-only target": read_only,
    "a file in place of the target": file_as_target,
    "target removed during the run": removed_target,
    "photos changed and deleted during the run": changed_inputs,
    "two runs on one target": two_runs,
    "stale lock, temporary files, half a line": stale_lock,
    "killed before it had the lock": probe_left,
    "reader of --json gone, or out of room": closed_output,
}
