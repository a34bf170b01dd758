"""The formats in which depth maps are written: their names and extensions."""

from __future__ import annotations

from typing import get_args

from maskdepth_cli.choices import DepthFormat
from maskdepth_cli.errors import UsageError
from maskdepth_cli.files import exr

DEPTH_FORMATS: tuple[DepthFormat, ...] = get_args(DepthFormat)

_FLOAT_SUFFIXES = (".tif", ".tiff", ".npy", ".npz", ".pfm", ".exr")


def extension(format: str, source: str | None = None) -> str:
    """Return the extension of what is written, without the dot.

    Parameters
    ----------
    format : str
        One of `DEPTH_FORMATS`.
    source : str, optional
        Path of the initial depth map; None where it is predicted.
    """
    if format == "keep":
        floats = source is None or source.lower().endswith(_FLOAT_SUFFIXES)
        return "tiff" if floats else "png"
    return "png" if format == "png16" else format


def check_format(format: str) -> None:
    """Refuse formats that cannot be written here, before any work is done.

    Raises
    ------
    UsageError
        If it is not one of `DEPTH_FORMATS`, or is ``exr`` and nothing installed writes it.
    """
    if format not in DEPTH_FORMATS:
        raise UsageError(f"depth format '{format}' is not one of {', '.join(DEPTH_FORMATS)}")
    if format == "exr" and not exr.can_write_exr():
        raise UsageError(
            "OpenEXR is not installed: pip install 'maskdepth[exr]', or choose tiff, npy or pfm"
        )
