"""HEIC and HEIF through the package `pillow-heif`, AVIF through Pillow where it was built so."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.facts import Header
from maskdepth_cli.files.names import shown


def open_heif(stream: BinaryIO, path: Path) -> tuple[Header, Any]:
    """Read the header of the primary picture; nothing is decoded.

    The container's own turns and mirrors are applied by libheif and are part of the size; Exif
    only repeats them (ISO/IEC 23008-12, 6.5.10), so it is not looked at.

    Raises
    ------
    InputFileError
        If the package is missing.
    """
    if find_spec("pillow_heif") is None:
        raise InputFileError(
            f"{shown(path)}: HEIC needs a library that is not installed: "
            "pip install 'maskdepth[heif]'"
        )
    import pillow_heif

    stream.seek(0)
    file: Any = pillow_heif.open_heif(stream, convert_hdr_to_8bit=False)
    picture = file[file.primary_index]
    bits = int(picture.info.get("bit_depth", 8))
    # Samples of 10 and 12 bits are moved to the upper end of 16.
    white = 255.0 if bits == 8 else float((2**bits - 1) << (16 - bits))
    width, height = picture.size
    mode = str(picture.mode).partition(";")[0]
    header = Header("HEIF", width, height, 1, mode, bits, white=white)
    return header, picture


def decode_heif(lazy: Any) -> NDArray[Any]:
    """Decode the picture that `open_heif` opened, (H, W) or (H, W, C), uint8 or uint16."""
    samples = np.asarray(lazy)
    if "a" in lazy.mode:  # colours multiplied by alpha
        raise ValueError("colours multiplied by alpha")
    return samples


def check_avif(path: Path) -> None:
    """Refuse AVIF where Pillow cannot decode it.

    Raises
    ------
    InputFileError
        It is too old, or was built without libavif.
    """
    from PIL import features

    if "avif" not in features.modules or not features.check("avif"):
        raise InputFileError(
            f"{shown(path)}: the installed Pillow does not read AVIF: pip install 'maskdepth[avif]'"
        )
