"""Standard error for our own messages only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def own_stderr() -> Iterator[None]:
    """Keep standard error for Python: what C code writes to descriptor 2 is dropped.

    libjpeg and libtiff print remarks about damaged files there, without the file's name, into the
    middle of a progress bar; every such file either decodes or ends in an `InputFileError`. For
    the whole of a command, not for a library: the descriptor belongs to the process. Does nothing
    where ``sys.stderr`` is not descriptor 2.
    """
    if not _is_descriptor_2(sys.stderr):
        yield
        return
    python_stream, terminal = sys.stderr, os.dup(2)
    sys.stderr = open(  # noqa: PTH123, SIM115 (a descriptor, closed below)
        terminal, "w", buffering=1, encoding=python_stream.encoding, errors="backslashreplace"
    )
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    os.close(sink)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        sys.stderr.close()
        sys.stderr = python_stream


def _is_descriptor_2(stream: Any) -> bool:
    try:
        return bool(stream.fileno() == 2)
    except (AttributeError, OSError, ValueError):  # no stream, or one without a descriptor
        return False
