"""Opening files, and what a picture says before it is decoded; sizes checked here."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError, MaskdepthError
from maskdepth_cli.files import libraries, png
from maskdepth_cli.files.exr import plate_header
from maskdepth_cli.files.facts import Header, exif_orientation
from maskdepth_cli.files.heif import check_avif, open_heif
from maskdepth_cli.files.limits import check_size
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.netpbm import read_netpbm_header
from maskdepth_cli.files.sniffing import sniff
from maskdepth_cli.files.tiff import open_tiff

_SPARE_BYTES = 256 << 20  # metadata, thumbnails and motion photos beside the pixels
_MAX_BYTES_PER_PIXEL = 64


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular, non-empty file; failures become `InputFileError`.

    What libraries raise on damaged content is of any type: inside this context all of it becomes
    one line that names the file.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            locked = "" if os.access(path, os.R_OK | os.X_OK) else " that cannot be searched"
            raise InputFileError(f"{shown(path)}: is a folder{locked}, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise InputFileError(f"{shown(path)}: is not a regular file")
        if status.st_size == 0:
            raise InputFileError(f"{shown(path)}: the file is empty")
        with path.open("rb") as stream:
            yield stream
    except MaskdepthError:
        raise
    except OSError as error:
        words = f"cannot be read: {error.strerror}" if error.strerror else _damaged(error)
        raise InputFileError(f"{shown(path)}: {words}") from error
    except MemoryError as error:
        raise InputFileError(f"{shown(path)}: does not fit into memory") from error
    except Exception as error:
        raise InputFileError(f"{shown(path)}: {_damaged(error)}") from error


def _damaged(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    words = shown(lines[0][:160]) if lines else type(error).__name__
    return f"damaged or not supported: {words}"


def read_header(
    stream: BinaryIO, path: Path, max_megapixels: float = MAX_MEGAPIXELS
) -> tuple[Header, Any]:
    """Read the header of a picture.

    Returns
    -------
    header : Header
        The facts, size checked.
    lazy : PIL.ImageFile.ImageFile, pillow_heif.HeifFile or None
        The opened, not yet decoded image of Pillow or pillow-heif; None where neither decodes it.

    Raises
    ------
    InputFileError
        If it is no picture of a supported format or too large.
    """
    format_name = sniff(stream, path)
    lazy: Any = None
    if not format_name:
        raise InputFileError(
            f"{shown(path)}: not a JPEG, PNG, TIFF, WebP, BMP, Netpbm, HEIC, AVIF or EXR file"
        )
    if format_name == "TIFF":
        header, lazy = open_tiff(stream, path)
    elif format_name == "PNM":
        header = read_netpbm_header(stream)
    elif format_name == "HEIF":
        header, lazy = open_heif(stream, path)
    elif format_name == "EXR":
        header = plate_header(stream, path, max_megapixels)
    else:
        facts = png.scan(stream) if format_name == "PNG" else None
        if format_name == "WEBP":  # Pillow makes room for its pixels on opening
            check_size(path, *_webp_size(stream), max_megapixels)
        if format_name == "AVIF":
            check_avif(path)
        stream.seek(0)
        lazy = _plugin(format_name)(stream)
        width, height = lazy.size
        bits = facts.bits if facts else 8
        text = facts.text if facts else {}
        orientation = exif_orientation(lazy, facts.exif if facts else b"")
        header = Header(format_name, width, height, orientation, lazy.mode, bits, text, facts)
    check_size(path, header.width, header.height, max_megapixels)
    _check_bytes(stream, header, path)
    return header, lazy


def _webp_size(stream: BinaryIO) -> tuple[int, int]:
    """Return width and height of a WebP canvas; RFC 9649, sections 2.5 to 2.7."""
    stream.seek(12)
    start = stream.read(18)
    kind, data = start[:4], start[8:]
    if len(data) < 10:
        raise ValueError("the file ends early")
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = (int.from_bytes(data[i : i + 2], "little") & 0x3FFF for i in (6, 8))
    return width, height


def _plugin(format_name: str) -> Any:
    # Plugins, not Image.open: that compares the size with a global limit of its own and warns.
    libraries.pillow()
    if format_name == "AVIF":  # not in every Pillow that is new enough for the rest
        from PIL.AvifImagePlugin import AvifImageFile

        return AvifImageFile
    from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

    return {
        "BMP": BmpImagePlugin.BmpImageFile,
        "JPEG": JpegImagePlugin.JpegImageFile,
        "PNG": PngImagePlugin.PngImageFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
    }[format_name]


def _check_bytes(stream: BinaryIO, header: Header, path: Path) -> None:
    size = os.fstat(stream.fileno()).st_size
    if size > _SPARE_BYTES + _MAX_BYTES_PER_PIXEL * header.width * header.height:
        raise InputFileError(
            f"{shown(path)}: {size >> 20} MiB are too many for "
            f"{header.width}x{header.height} pixels"
        )
