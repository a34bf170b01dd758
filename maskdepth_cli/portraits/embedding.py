"""A copy of a photo with refined depth inside, in the layout that the file has already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError, OutputError
from maskdepth_cli.files.headers import open_file, read_header
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.portraits import heif_writing, jpeg_writing
from maskdepth_cli.portraits.contents import Contents
from maskdepth_cli.portraits.heifs import read_heif
from maskdepth_cli.portraits.jpegs import read_jpeg
from maskdepth_cli.portraits.reading import read_contents
from maskdepth_cli.portraits.scale import Coded, coded
from maskdepth_cli.types import InverseDepth

LONGEST_SIDE = 2048
"""Of an embedded map: mattes of phones are about as large, their depth maps smaller."""
_LOSS = 0.02  # of the range, on average: what JPEG and HEVC may change


def check_embeddable(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Contents:
    """Return what a photo's file holds, if its format has a place for depth.

    Raises
    ------
    InputFileError
        If it is neither JPEG nor HEIF, or cannot be read.
    """
    contents = read_contents(path, max_megapixels=max_megapixels)
    if contents is None:
        raise InputFileError(
            f"{shown(path)}: only JPEG and HEIC files have a place for depth; leave out --embed"
        )
    return contents


def embedded_copy(
    path: str | Path,
    depth: InverseDepth,
    *,
    own: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> bytes:
    """Return the bytes of a photo with its depth replaced, or with depth where it had none.

    HEIF: an auxiliary picture with Apple's XMP, 8 bits of disparity. JPEG with further pictures:
    one more of them, the same XMP. Dynamic Depth: the container's depth item. Any other JPEG:
    GDepth, an 8-bit PNG in extended XMP. Photo, mattes and metadata stay as they are, byte for
    byte. The map's long side is at most `LONGEST_SIDE`, unless the file's own was larger.

    Parameters
    ----------
    path : str or Path
        The photo.
    depth : InverseDepth
        (H, W) of the photo as it is displayed; unknown pixels are stored as farthest.
    own : bool
        Whether it is in the unit of the depth that the file holds; otherwise it is relative.
    max_megapixels : float
        The limit with which the photo was read.

    Raises
    ------
    InputFileError
        As `check_embeddable`, or if the file is damaged.
    OutputError
        If what was written does not give back the depth.
    """
    path = Path(path)
    contents = check_embeddable(path, max_megapixels=max_megapixels)
    with open_file(path) as stream:
        header, _ = read_header(stream, path, max_megapixels)
        stream.seek(0)
        data = stream.read()
        longest = LONGEST_SIDE
        if contents.depth:
            longest = max(longest, *contents.depth.decode(max_megapixels)[0].shape)
        map_ = coded(_shrunk(depth, longest, path))
        if contents.container in ("GDepth", "Dynamic Depth"):
            map_ = map_.positive()
        if contents.container == "HEIF":
            result = heif_writing.write(data, map_, own)
            written = read_heif(result, path)
        else:
            result = jpeg_writing.write(data, contents.container, map_, header.orientation, own)
            written = read_jpeg(result, path, header.orientation)
        _check(written, map_, max_megapixels, path)
    return result


def _shrunk(depth: InverseDepth, longest: int, path: Path) -> InverseDepth:
    """Return depth of a size that every encoder takes: even, and no longer than `longest`."""
    height, width = depth.shape
    share = min(1.0, longest / max(depth.shape))
    size = tuple(max(2, 2 * round(side * share / 2)) for side in (width, height))
    resized: NDArray[np.float32] = match_size(depth, (size[0], size[1]), what="depth", path=path)
    return resized


def _check(contents: Contents, map_: Coded, max_megapixels: float, path: Path) -> None:
    """Read back what was written."""
    stored = contents.depth
    ok = False
    if stored and stored.scale:
        found = stored.scale.inverse(*stored.decode(max_megapixels))
        if found.shape == map_.samples.shape:
            span = map_.high - map_.low
            ok = bool(np.abs(found - map_.values()).mean() <= _LOSS * span)
    if not ok:
        raise OutputError(
            f"{shown(path)}: depth cannot be embedded into a file of this layout; "
            "leave out --embed for it"
        )
