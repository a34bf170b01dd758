"""Libraries for files, set up once: quiet, with OpenEXR, with limits that the rooms set."""

from __future__ import annotations

import logging
import os
import warnings
import zlib
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


@cache
def deflate() -> Any:
    """Return Intel's ISA-L in place of ``zlib``, or that where ISA-L has no build.

    At level 1 it deflates four times as fast into as many bytes, and inflates three times as fast.
    """
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    return isal_zlib


def allow_pixels(pixels: int) -> None:
    """Raise Pillow's own limit to `pixels`, which the caller has accepted; never lower it."""
    image: Any = pillow()
    if image.MAX_IMAGE_PIXELS is not None and pixels > image.MAX_IMAGE_PIXELS:
        image.MAX_IMAGE_PIXELS = pixels
