"""What a file is, by its first bytes; camera raw is known by name and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files import png
from maskdepth_cli.files.names import shown

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_RAW = {
    b"FUJIFILMCCD-RAW": "RAF",
    b"FOVb": "X3F",
    b"\0MRM": "MRW",
    b"IIRO": "ORF",
    b"IIRS": "ORF",
    b"MMOR": "ORF",
    b"IIU\0": "RW2",
    b"II\x1a\0\0\0HEAPCCDR": "CRW",
}
_NETPBM = tuple(b"P%d" % i for i in range(1, 7))
_HEIF_BRANDS = frozenset(
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"]
)
_AVIF_BRANDS = frozenset([b"avif", b"avis"])
_LONGEST_BRANDS = 256  # bytes

EXR_MAGIC = b"\x76\x2f\x31\x01"
_DNG_VERSION, _SUBFILE, _PHOTOMETRIC, _SUB_IFDS = 50706, 254, 262, 330
_SENSOR = (32803, 34892)  # colour filter array, linear raw
_REDUCED = 1


def sniff(stream: BinaryIO, path: Path) -> str:
    """Return the format that the first bytes of `stream` show, or an empty string.

    Raises
    ------
    InputFileError
        If it is camera raw of a kind that needs no TIFF reader to be known.
    """
    stream.seek(0)
    start = stream.read(16)
    for magic, kind in _RAW.items():
        if start.startswith(magic):
            raise _camera_raw(path, kind)
    if start.startswith(png.SIGNATURE):
        return "PNG"
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start[:4] in _TIFF:
        if start[8:10] == b"CR":
            raise _camera_raw(path, "CR2")
        return "TIFF"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start.startswith(_NETPBM) and start[2:3].isspace():
        return "PNM"
    if start.startswith(EXR_MAGIC):
        return "EXR"
    if start[4:8] == b"ftyp":
        return _iso_media(stream, path)
    return "BMP" if start.startswith(b"BM") else ""


def _iso_media(stream: BinaryIO, path: Path) -> str:
    """Tell HEIF from AVIF by the brands of the file type box (ISO/IEC 14496-12, 4.3)."""
    stream.seek(0)
    length = int.from_bytes(stream.read(4), "big")
    box = stream.read(min(max(length - 4, 0), _LONGEST_BRANDS))
    major, compatible = box[4:8], {box[i : i + 4] for i in range(12, len(box) - 3, 4)}
    if major == b"crx ":
        raise _camera_raw(path, "CR3")
    if major in _AVIF_BRANDS or (major in (b"mif1", b"msf1") and compatible & _AVIF_BRANDS):
        return "AVIF"
    return "HEIF" if ({major} | compatible) & _HEIF_BRANDS else ""


def check_whole_tiff(path: Path, tags: Any, pages: Any) -> None:
    """Refuse TIFFs whose first page is not the picture: camera raw, and previews before it.

    Parameters
    ----------
    path : Path
        The file.
    tags : mapping
        Number to value of the first page's tags.
    pages : callable
        Returns the mappings of the pages within the first one; called where there may be any.

    Raises
    ------
    InputFileError
        Naming what it is.
    """
    inner = pages() if _SUB_IFDS in tags else []
    if _DNG_VERSION in tags:
        raise _camera_raw(path, "DNG")
    if any(page.get(_PHOTOMETRIC) in _SENSOR for page in (tags, *inner)):
        raise _camera_raw(path, "TIFF of a sensor's values")
    if int(tags.get(_SUBFILE, 0)) & _REDUCED:
        raise InputFileError(
            f"{shown(path)}: its first page is a preview of reduced resolution; save the picture "
            "as the only page, or develop the raw file to TIFF, PNG or JPEG"
        )


def _camera_raw(path: Path, kind: str) -> InputFileError:
    return InputFileError(
        f"{shown(path)}: camera raw ({kind}) is not read; develop it to TIFF, PNG or JPEG "
        "(darktable-cli, RawTherapee, Lightroom) and pass that"
    )
