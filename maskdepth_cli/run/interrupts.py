"""Ctrl-C and SIGTERM end a run between two files instead of inside one."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from maskdepth_cli.errors import ExitCode

_NOTICE = b"\nstopping after the files in progress; once more to stop at once\n"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Note the first signal, obey the second.

    Within the context, `raised` turns true at the first Ctrl-C or SIGTERM, for the run to end in
    order. A second one ends the process at once, as a kill would: the next run cleans up.
    Outside the main thread signals are left alone.
    """

    def __init__(self) -> None:
        self.raised = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.raised:
            os._exit(ExitCode.INTERRUPTED)
        self.raised = True
        # Not print: the signal may have come in the middle of one.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            os.write(sys.stderr.fileno(), _NOTICE)
