"""The command `maskdepth`: errors and signals become one line and an exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from maskdepth_cli.errors import ExitCode, MaskdepthError


def main() -> None:
    """Run the command line and exit."""
    from maskdepth_cli.files.names import shown

    try:
        with _signals():
            _run()
    except MaskdepthError as error:
        _end(shown(str(error)), error.exit_code)
    except KeyboardInterrupt:
        sys.exit(int(ExitCode.INTERRUPTED))
    except OSError as error:  # a full disk or a vanished folder where nobody counted on it
        _end(shown(str(error)), ExitCode.OUTPUT)


def _run() -> None:
    from maskdepth_cli.cli.app import app
    from maskdepth_cli.files.terminal import own_stderr

    with own_stderr():
        app(prog_name="maskdepth")


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C, from the first moment on, and say so in a line."""
    owner = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:  # not in the loader processes of a training
            # Not print: the signal may have come in the middle of one.
            with contextlib.suppress(AttributeError, OSError, ValueError):
                os.write(sys.stderr.fileno(), b"maskdepth: interrupted\n")
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(line: str, code: ExitCode) -> None:
    """Print an error and exit, also where standard output cannot take what it still holds."""
    print(f"maskdepth: {line}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
    sys.exit(int(code))


if __name__ == "__main__":
    main()
