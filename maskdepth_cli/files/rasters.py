"""Any picture file as samples: one decoder behind photos, masks, instance maps and depth maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.files import exr, heif, jpeg, libraries, netpbm, png, tiff
from maskdepth_cli.files.facts import Header
from maskdepth_cli.files.headers import open_file, read_header

Samples = NDArray[Any]
_LOSSY = ("JPEG", "WEBP", "HEIF", "AVIF")
_KEPT_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "F")


@dataclass(frozen=True)
class Raster:
    """Decoded samples as they are stored, turned as the file's orientation says.

    Attributes
    ----------
    colour : ndarray
        (H, W) gray values or palette indices, or (H, W, 3) RGB; integer, bool or floating.
    alpha : ndarray or None
        (H, W), same type and scale as `colour` (8 bits for a palette).
    white : float
        The value of white in gray values and alpha: 1 for bool and floating samples, 255 for
        palettes, else the largest integer of the file's bits.
    palette : ndarray or None
        (256, 3) uint8 colours, if `colour` holds indices.
    lossy : bool
        Whether the file's compression may change values (JPEG, WebP, HEIC, AVIF).
    text : dict of str to str
        As in `Header`.
    extras : int
        As in `Header`.
    """

    colour: Samples
    alpha: Samples | None
    white: float
    palette: Samples | None
    lossy: bool
    text: dict[str, str]
    extras: int = 0


def read_raster(path: str | Path, max_megapixels: float = MAX_MEGAPIXELS) -> Raster:
    """Decode a picture file of any format that is read (the first page or frame).

    Raises
    ------
    InputFileError
        If it is missing, empty, truncated, damaged, too large or of another format.
    """
    path = Path(path)
    with open_file(path) as stream:
        header, lazy = read_header(stream, path, max_megapixels)
        return _assemble(header, lazy, _decode(stream, path, header, lazy))


def _decode(stream: BinaryIO, path: Path, header: Header, lazy: Any) -> Samples:
    """Return the samples with all channels, as displayed; palette indices stay indices."""
    if header.format == "TIFF":
        if lazy is None:
            return orient(tiff.decode_odd(stream), header.orientation)
        if header.bits == 16 and lazy.mode in tiff.COLOUR_MODES:
            return tiff.decode_16bit_colour(stream, lazy)
        return _with_pillow(lazy)
    if header.format == "PNM":
        return netpbm.decode_netpbm(stream)
    if header.format == "HEIF":
        return heif.decode_heif(lazy)
    if header.format == "EXR":
        return exr.read_plate(stream, path)
    if "progressive" in lazy.info:
        stream.seek(0)
        jpeg.check_scans(stream.read())
    if _suits_opencv(header, lazy):
        return orient(_with_opencv(stream, header), header.orientation)
    if header.png is not None:
        png.pixel_stream(stream, header.png)  # Pillow fills what is missing with zeros
    return orient(_with_pillow(lazy), header.orientation)


def _suits_opencv(header: Header, lazy: Any) -> bool:
    """Tell what OpenCV decodes exactly; it is faster and leaves other threads running."""
    if header.format == "PNG":
        return header.bits >= 8 and lazy.mode != "P"
    if header.format == "WEBP":
        return not lazy.is_animated
    return header.format == "JPEG" and lazy.mode in ("L", "RGB")


def _with_opencv(stream: BinaryIO, header: Header) -> Samples:
    cv2 = libraries.opencv()
    if header.png is not None:
        data = png.pixel_stream(stream, header.png)
    else:
        stream.seek(0)
        data = stream.read()
    if header.format == "JPEG" and b"\xff\xd9" not in data[jpeg.scan_start(data) :]:
        raise ValueError("the file is truncated")
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    samples: Samples | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if samples is None:
        raise ValueError("the file is truncated")
    if samples.shape[:2] != (header.height, header.width):
        raise ValueError("the size in the header is wrong")
    if samples.ndim == 2:
        return samples
    order = cv2.COLOR_BGRA2RGBA if samples.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(samples, order))


def _with_pillow(lazy: Any) -> Samples:
    lazy.load()
    image = lazy
    if lazy.format == "TIFF":
        from PIL import ImageOps

        image = ImageOps.exif_transpose(lazy)  # done by load already in newer versions
    if image.mode == "RGBa":  # colours multiplied by alpha
        image = image.convert("RGBA")
    if image.mode not in _KEPT_MODES and not image.mode.startswith("I;16"):
        image = image.convert("RGB")
    return np.asarray(image)


def _assemble(header: Header, lazy: Any, samples: Samples) -> Raster:
    samples = np.asarray(samples, samples.dtype.newbyteorder("="))
    white = 1.0
    if samples.dtype.kind in "iu":
        white = float(min(2**header.bits - 1, np.iinfo(samples.dtype).max))
        white = header.white or white
        if (
            header.bits < 8 and header.mode == "L" and lazy is not None
        ):  # Pillow spreads 2 and 4 bits over 0..255
            samples = samples // np.uint8(255 // white)
    palette, alpha = None, None
    if header.mode == "P":
        white, palette, alpha = 255.0, _palette(lazy), _palette_alpha(lazy, samples)
    elif samples.ndim == 3:
        channels = samples.shape[2]
        if channels == 2 or channels >= 4:
            alpha = samples[..., 1 if channels == 2 else 3]
        samples = samples[..., :3] if channels >= 3 else samples[..., 0]
    lossy = header.format in _LOSSY
    return Raster(samples, alpha, white, palette, lossy, header.text, header.extras)


def _palette(lazy: Any) -> Samples:
    colours = np.asarray(lazy.getpalette("RGB")[: 3 * 256], np.uint8).reshape(-1, 3)
    return np.pad(colours, ((0, 256 - len(colours)), (0, 0)))


def _palette_alpha(lazy: Any, indices: Samples) -> Samples | None:
    transparent = lazy.info.get("transparency")
    if transparent is None:
        return None
    table = np.full(256, 255, np.uint8)
    if isinstance(transparent, bytes):
        table[: len(transparent)] = np.frombuffer(transparent[:256], np.uint8)
    else:
        table[transparent] = 0
    return table[indices]


def orient(samples: Samples, orientation: int) -> Samples:
    """Turn stored samples (H, W) or (H, W, C) as an Exif orientation of 1 to 8 says."""
    if orientation >= 5:
        samples = np.swapaxes(samples, 0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples


def single_channel(raster: Raster) -> Samples | None:
    """Return the (H, W) gray values, or None if the picture has colours.

    RGB with equal channels and gray palettes count as gray; lossy files may differ by 3 of 255.
    """
    colour = raster.colour
    if raster.palette is not None:
        used = raster.palette[np.bincount(colour.ravel(), minlength=256) > 0]
        gray = (used == used[:, :1]).all()
        return np.asarray(raster.palette[colour, 0]) if gray else None
    if colour.ndim == 2:
        return colour
    first = colour[..., :1]
    if raster.lossy:
        wide = np.int16 if colour.dtype.itemsize == 1 else np.int32
        gray = (np.abs(colour.astype(wide) - first) <= 3 * raster.white / 255).all()
    else:
        gray = (colour == first).all()
    return colour[..., 0] if gray else None
