"""Pillow, OpenCV and tifffile, set up once: quiet, with OpenEXR, with limits that the rooms set."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

# Read by OpenCV when it is loaded. Sizes are checked against the caller's limit before OpenCV
# sees a file, so its own limit must not be the smaller one.
os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**40))


@cache
def opencv() -> ModuleType:
    """Return OpenCV, its log switched off: what matters in a file ends in an exception."""
    import cv2

    logs: Any = getattr(getattr(cv2, "utils", None), "logging", None)
    if logs is not None:
        logs.setLogLevel(logs.LOG_LEVEL_SILENT)
    return cv2


def opencv_has_exr() -> bool:
    """Tell whether the installed OpenCV reads and writes OpenEXR; many builds do not."""
    return bool(opencv().haveImageWriter("x.exr"))


@cache
def pillow() -> ModuleType:
    """Return ``PIL.Image``, Pillow's warnings about file contents switched off."""
    from PIL import Image

    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    return Image


@cache
def tiff() -> ModuleType:
    """Return tifffile, its log of odd tags switched off."""
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    return tifffile


def allow_pixels(pixels: int) -> None:
    """Raise Pillow's own limit to `pixels`, which the caller has accepted; never lower it."""
    image: Any = pillow()
    if image.MAX_IMAGE_PIXELS is not None and pixels > image.MAX_IMAGE_PIXELS:
        image.MAX_IMAGE_PIXELS = pixels


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
