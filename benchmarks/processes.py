"""What a command costs in a process of its own: seconds, processor seconds, peak memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

# The peak that the system notes for a child begins with its parent's; VmHWM is the process's own.
_CHILD = """
import re
from maskdepth_cli.__main__ import main
try:
    main()
finally:
    print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
"""


class Used(NamedTuple):
    """What a process used."""

    seconds: float
    cpu: float
    gigabytes: float


def maskdepth(*arguments: str | Path, package: Path = ROOT, folder: Path | None = None) -> Used:
    """Run `maskdepth` of a checkout in a folder; its last line of output is the peak in kB."""
    (*_, last), seconds, cpu = python(["-c", _CHILD, *map(str, arguments)], package, folder)
    return Used(seconds, cpu, float(last) / 1e6)


def python(
    arguments: list[str], package: Path = ROOT, folder: Path | None = None
) -> tuple[list[str], float, float]:
    """Run Python; return the words that it printed, wall and processor seconds.

    Modules are compiled once, as an installation has them, also where the caller's are not kept.
    """
    environment = {**os.environ, "PYTHONPATH": str(package)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder or package,  # what lies in the current folder comes first
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ended.stdout.split(), wall, used
