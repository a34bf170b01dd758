"""The size limit, asked before a pixel is decoded."""

from __future__ import annotations

from pathlib import Path

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files import libraries
from maskdepth_cli.files.names import shown

_LONGEST_SIDE = 1_000_000  # libpng's own limit


def check_size(path: Path, width: int, height: int, max_megapixels: float) -> None:
    """Refuse sizes of zero or above the limit, before any pixel is decoded.

    Raises
    ------
    InputFileError
        Naming the size and the limit.
    """
    if width < 1 or height < 1:
        raise InputFileError(f"{shown(path)}: has no pixels ({width}x{height})")
    if max(width, height) > _LONGEST_SIDE:
        raise InputFileError(f"{shown(path)}: {width}x{height}: a side exceeds {_LONGEST_SIDE}")
    if width * height > max_megapixels * 1e6:
        raise InputFileError(
            f"{shown(path)}: {width}x{height} pixels exceed the limit of {max_megapixels:g} "
            "megapixels; raise --max-megapixels if you trust the file"
        )
    libraries.allow_pixels(width * height)
