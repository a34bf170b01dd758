"""Depth and mattes inside photos: what a file holds, and reading it."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np

from maskdepth_cli.choices import MAX_MEGAPIXELS, Matte
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.headers import open_file, read_header
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.sniffing import sniff
from maskdepth_cli.portraits.contents import Contents
from maskdepth_cli.portraits.heifs import read_heif
from maskdepth_cli.portraits.jpegs import read_jpeg
from maskdepth_cli.types import InverseDepth, Mask


def read_contents(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Contents | None:
    """Say what a photo's file holds beside the photo; no pixel is decoded.

    Parameters
    ----------
    path : str or Path
        The photo.
    max_megapixels : float
        Larger photos are refused.

    Returns
    -------
    Contents or None
        None for formats that hold neither depth nor mattes.

    Raises
    ------
    InputFileError
        If it cannot be read. Damage beside the photo is among the `problems`.
    """
    path = Path(path)
    with open_file(path) as stream:
        format_name = sniff(stream, path)
        if format_name not in ("JPEG", "HEIF"):
            return None
        header, _ = read_header(stream, path, max_megapixels)
        # Mapped, not read: of most photos only the first pages are looked at.
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            if format_name == "HEIF":
                return read_heif(data, path)
            return read_jpeg(data, path, header.orientation)
        except ValueError as error:  # the photo itself may well be whole
            problem = f"what it holds beside the photo is damaged: {error}"
            return Contents("HEIF" if format_name == "HEIF" else "GDepth", problems=(problem,))


def read_embedded_depth(
    path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS
) -> InverseDepth:
    """Read the depth inside a photo as inverse depth.

    Kind and range are those that the file states; depth is inverted here, once.

    Parameters
    ----------
    path : str or Path
        The photo: HEIF, or JPEG with further pictures, GDepth or Dynamic Depth.
    max_megapixels : float
        Larger maps are refused before they are decoded.

    Returns
    -------
    InverseDepth
        float32 (H, W), of its own size, turned as the photo is displayed.

    Raises
    ------
    InputFileError
        If the file holds none, or it cannot be used: the message says why.
    """
    path = Path(path)
    contents = read_contents(path, max_megapixels=max_megapixels)
    if contents is None or contents.depth is None or contents.depth.scale is None:
        raise InputFileError(f"{shown(path)}: {missing_depth(contents)}")
    with open_file(path):
        samples, white = contents.depth.decode(max_megapixels)
        inverse = contents.depth.scale.inverse(samples, white)
    if not np.isfinite(inverse).any():
        raise InputFileError(f"{shown(path)}: its embedded depth map has no known pixel")
    return inverse


def read_matte(
    path: str | Path, name: Matte = "portrait", *, max_megapixels: float = MAX_MEGAPIXELS
) -> Mask:
    """Read a matte inside a photo.

    Parameters
    ----------
    path : str or Path
        The photo.
    name : Matte
        Which one; "portrait" is the whole person.
    max_megapixels : float
        Larger mattes are refused before they are decoded.

    Returns
    -------
    Mask
        float32 (H, W) in [0, 1], of its own size, turned as the photo is displayed.

    Raises
    ------
    InputFileError
        If the file holds no such matte: the message says which it holds.
    """
    path = Path(path)
    contents = read_contents(path, max_megapixels=max_megapixels)
    if contents is None or name not in contents.mattes:
        raise InputFileError(f"{shown(path)}: {missing_matte(contents, name)}")
    with open_file(path):
        samples, white = contents.mattes[name].decode(max_megapixels)
        return np.ascontiguousarray(np.divide(samples, np.float32(white), dtype=np.float32))


def missing_depth(contents: Contents | None) -> str:
    """Say why a photo has no depth of its own."""
    problems = "; ".join(contents.problems) if contents else ""
    return problems or "it holds no depth"


def missing_matte(contents: Contents | None, name: Matte) -> str:
    """Say that a photo has no such matte, and which it has."""
    others = ", ".join(contents.mattes) if contents else ""
    return f"it holds no {name} matte" + (f", only {others}: choose with --matte" if others else "")
