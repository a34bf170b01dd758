"""Photos: files to `Image` arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskdepth_cli.arrays import as_image
from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files import libraries
from maskdepth_cli.files.headers import open_file, read_header
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.rasters import Raster, Samples, read_raster
from maskdepth_cli.files.sniffing import sniff
from maskdepth_cli.types import Image, Photo


def read_image(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Image:
    """Read a photo as it is meant to be seen.

    JPEG, PNG, TIFF, WebP, BMP, Netpbm, HEIC, AVIF and OpenEXR (linear light, which takes the curve
    of sRGB), told apart by content; up to 16 bits (they are kept), gray, RGB, palette, CMYK or 1
    bit. The Exif orientation is applied; alpha is dropped; colour profiles are
    ignored; of several pages or frames the first counts.

    Parameters
    ----------
    path : str or Path
        The file.
    max_megapixels : float
        Larger pictures are refused before they are decoded.

    Returns
    -------
    Image
        float32 (H, W, 3) RGB in [0, 1].

    Raises
    ------
    InputFileError
        If it is missing, empty, truncated, damaged, too large or not a picture.
    """
    return as_image(read_photo(path, max_megapixels=max_megapixels))


def read_photo(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Photo:
    """Read a photo as `read_image` does, its samples as they are stored where they fill their type.

    Raises
    ------
    InputFileError
        As `read_image`.
    """
    return photo_of(read_raster(path, max_megapixels), path)


def photo_of(raster: Raster, path: str | Path) -> Photo:
    """Take a decoded picture as a photo, as `read_photo` does.

    Raises
    ------
    InputFileError
        Its samples are no photo's.
    """
    colour = raster.colour
    if raster.palette is not None:
        colour = raster.palette[colour]
    if colour.dtype.kind == "i" or (colour.dtype.kind == "f" and not _in_unit_range(colour)):
        raise InputFileError(
            f"{shown(path)}: {colour.dtype} samples beyond 0 to 1 are no photo; "
            "save it with 8 or 16 bits"
        )
    if raster.white not in (255, 65535):
        colour = np.divide(colour, np.float32(raster.white), dtype=np.float32)
    if colour.ndim == 2:
        cv2 = libraries.opencv()
        return np.asarray(cv2.cvtColor(colour, cv2.COLOR_GRAY2RGB))
    return np.ascontiguousarray(colour)


def _in_unit_range(colour: Samples) -> bool:
    return bool(np.isfinite(colour).all() and colour.min() >= 0 and colour.max() <= 1)


def image_size(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> tuple[int, int]:
    """Return width and height of a photo after its Exif orientation, from the header alone.

    Raises
    ------
    InputFileError
        As `read_image`, as far as the header shows it.
    """
    path = Path(path)
    with open_file(path) as stream:
        header, _ = read_header(stream, path, max_megapixels)
        return header.displayed_size


def orientation_of(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> int:
    """Return the Exif orientation of a picture, 1 to 8; 1 for a file that is none.

    Raises
    ------
    InputFileError
        If it cannot be opened.
    """
    path = Path(path)
    with open_file(path) as stream:
        if not sniff(stream, path):
            return 1
        return read_header(stream, path, max_megapixels)[0].orientation
