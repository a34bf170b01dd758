"""TIFF: Pillow for what it decodes without loss, tifffile and OpenCV for the rest."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import strips
from maskdepth_cli.files import libraries
from maskdepth_cli.files.facts import Header, exif_orientation
from maskdepth_cli.files.sniffing import check_whole_tiff

COLOUR_MODES = ("RGB", "RGBA", "RGBX", "RGBa")
_COMPRESSION = 259
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_SPARE_PIXELS = 1 << 20  # of a tile that a picture does not fill
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _DESCRIPTION, _ORIENTATION = 256, 257, 258, 262, 270, 274
_EXTRA_SAMPLES, _UNSPECIFIED, _UNASSOCIATED = 338, 0, 2
_MOST_SAMPLES = 8
_INNER_PAGES = 8
_FEW = 8  # values of a tag
_WHITE_IS_ZERO = 0
_NO_COMPRESSION, _DEFLATE = 1, (8, 32946)
_STRIP = 1 << 18  # bytes


def encode_tiff(values: NDArray[np.float32] | NDArray[np.uint16], description: str) -> bytes:
    """Encode a map as a TIFF that every reader opens.

    Floats are not compressed: deflate alone saves a fifth of them and takes longer than to write
    them, and the predictor that suits them is not in every reader, tifffile's own among them.
    Codes are deflated as differences to the pixel on their left (TIFF 6.0, section 14).

    Parameters
    ----------
    values : ndarray
        float32 (H, W), or uint16 (H, W), or with alpha (H, W, 2).
    description : str
        ASCII.
    """
    step = max(_STRIP // values[0].nbytes, 1)
    packed = values.dtype.kind == "u"

    def deflated() -> Iterator[bytes]:
        for place in strips(0, len(values), step):
            part = np.array(values[place], "<u2")
            part[:, 1:] -= values[place, :-1]
            yield libraries.deflate().compress(part, 1)

    stream = io.BytesIO()
    libraries.tiff().imwrite(
        stream,
        deflated() if packed else np.ascontiguousarray(values, "<f4"),
        shape=values.shape,
        dtype="<u2" if packed else "<f4",
        byteorder="<",
        photometric="minisblack",
        planarconfig=None if values.ndim == 2 else "contig",
        extrasamples=None if values.ndim == 2 else ("unassalpha",),
        compression="adobe_deflate" if packed else None,
        predictor=2 if packed else None,
        rowsperstrip=step,
        description=description,
        metadata=None,
        software=False,
    )
    return stream.getvalue()


def open_tiff(stream: BinaryIO, path: Path) -> tuple[Header, Any]:
    """Read the header of the first page.

    Returns
    -------
    header : Header
        Size as stored, before the orientation.
    lazy : PIL.TiffImagePlugin.TiffImageFile or None
        None where Pillow does not know the sample type or loses values: `decode_odd` is for them.

    Raises
    ------
    InputFileError
        If it is camera raw, or the first page a preview.
    """
    libraries.pillow()
    from PIL.TiffImagePlugin import TiffImageFile

    stream.seek(0)
    try:
        lazy = TiffImageFile(stream)
    except SyntaxError:  # how Pillow says that it does not know the sample type
        return _odd_header(stream, path), None
    tags = lazy.tag_v2
    check_whole_tiff(path, tags, lambda: _inner_pages(stream))
    bits = max(tags.get(_BITS, (1,)))
    if _loses_values(lazy, bits):
        return _odd_header(stream, path), None
    extras = sum(meaning == _UNSPECIFIED for meaning in tags.get(_EXTRA_SAMPLES, ()))
    if extras and len(tags[_EXTRA_SAMPLES]) == extras:
        lazy = TiffImageFile(_with_alpha(stream))
    if bits > 8 and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        raise ValueError(f"white is zero in samples of {bits} bits")
    text = {"description": str(tags.get(_DESCRIPTION, ""))}
    size = int(tags[_WIDTH]), int(tags[_HEIGHT])
    _check_tile(tags.get(_TILE_WIDTH, 0), tags.get(_TILE_HEIGHT, 0), size[0] * size[1])
    header = Header("TIFF", *size, exif_orientation(lazy), lazy.mode, bits, text, extras=extras)
    return header, lazy


def _inner_pages(stream: BinaryIO) -> list[dict[int, Any]]:
    """Return the tags of the first pages that the first page holds."""
    stream.seek(0)
    with libraries.tiff().TiffFile(stream) as file:
        pages = file.pages[0].pages or ()
        return [_values(pages[i]) for i in range(min(len(pages), _INNER_PAGES))]


def _values(page: Any) -> dict[int, Any]:
    """Return number and value of a page's tags; None for long ones, which may be megabytes."""
    return {tag.code: tag.value if tag.count <= _FEW else None for tag in page.tags}


def _with_alpha(stream: BinaryIO) -> BinaryIO:
    """Return a copy in which the first channel beside the colours is called alpha.

    Photoshop saves alpha channels as "unspecified"; Pillow drops these.
    """
    stream.seek(0)
    copy = io.BytesIO(stream.read())
    with libraries.tiff().TiffFile(copy, mode="r+b") as file:
        tag = file.pages[0].tags[_EXTRA_SAMPLES]
        values = tag.value if isinstance(tag.value, tuple) else (tag.value,)
        tag.overwrite((_UNASSOCIATED, *values[1:]))
    copy.seek(0)
    return copy


def _loses_values(lazy: Any, bits: int) -> bool:
    """Tell what Pillow decodes to other values and `decode_odd` to the right ones."""
    tags = lazy.tag_v2
    compression = tags.get(_COMPRESSION, _NO_COMPRESSION)
    if lazy.mode == "I":  # one signed type for uint32, int32 and int16
        return True
    if lazy.mode == "F":  # libtiff turns the bytes of compressed big-endian floats, then Pillow
        return tags.prefix == b"MM" and compression != _NO_COMPRESSION
    return bits == 16 and lazy.mode in COLOUR_MODES and compression in (_NO_COMPRESSION, *_DEFLATE)


def _odd_header(stream: BinaryIO, path: Path) -> Header:
    stream.seek(0)
    with libraries.tiff().TiffFile(stream) as file:
        if not len(file.pages):
            raise ValueError("the file is truncated")
        page = file.pages[0]
        check_whole_tiff(path, _values(page), lambda: _inner_pages(stream))
        tag = page.tags.get(_ORIENTATION)
        orientation = tag.value if tag is not None and tag.value in range(1, 9) else 1
        text = {"description": str(page.description)}
        bits = 8 * np.dtype(page.dtype).itemsize
        extras = sum(meaning == _UNSPECIFIED for meaning in page.extrasamples)
        size = page.imagewidth, page.imagelength
        return Header("TIFF", *size, orientation, "", bits, text, extras=extras)


def decode_odd(stream: BinaryIO) -> NDArray[Any]:
    """Decode the first page with tifffile, (H, W) or (H, W, C), orientation not applied.

    Raises
    ------
    ValueError
        If the page is compressed other than by deflate, holds more data than its size, or is
        not a plain picture.
    """
    stream.seek(0)
    with libraries.tiff().TiffFile(stream) as file:
        page = file.pages[0]
        if page.dtype is None or page.axes not in ("YX", "YXS", "SYX"):
            raise ValueError("not a plain picture")
        if page.samplesperpixel > _MOST_SAMPLES:
            raise ValueError("absurd number of samples")
        _check_tile(page.tilewidth, page.tilelength, page.imagewidth * page.imagelength)
        _check_compression(stream, page)
        array = page.asarray()
    return np.moveaxis(array, 0, -1) if page.axes == "SYX" else array


def _check_tile(width: int, height: int, pixels: int) -> None:
    """Refuse tiles far larger than the picture: they are decoded whole."""
    if width * height > 4 * pixels + _SPARE_PIXELS:
        raise ValueError(f"absurd tiles of {width}x{height} pixels")


def _check_compression(stream: BinaryIO, page: Any) -> None:
    """Refuse data that inflates beyond its segment: tifffile inflates without a limit."""
    if page.compression == _NO_COMPRESSION:
        return
    if page.compression not in _DEFLATE:
        raise ValueError(
            f"{page.dtype} samples with compression {page.compression!r}; save it with deflate"
        )
    limit = int(np.prod(page.chunks)) * np.dtype(page.dtype).itemsize
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        stream.seek(offset)
        inflate = zlib.decompressobj()
        inflate.decompress(stream.read(count), limit + 1)
        if inflate.unconsumed_tail:
            raise ValueError("more data than the size allows")


def decode_16bit_colour(stream: BinaryIO, lazy: Any) -> NDArray[Any]:
    """Decode RGB(A) of 16 bits and any compression, (H, W, C) uint16, as displayed.

    OpenCV keeps the 16 bits, but takes damaged strips for pixels and always applies the
    orientation; Pillow squeezes to 8 bits, but notices damage.

    Raises
    ------
    ValueError
        If OpenCV cannot decode it.
    """
    lazy.load()
    cv2 = libraries.opencv()
    stream.seek(0)
    array = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16 or array.ndim != 3:
        raise ValueError("16-bit colour in a form that cannot be decoded")
    order = cv2.COLOR_BGRA2RGBA if array.shape[2] == 4 else cv2.COLOR_BGR2RGB
    decoded: NDArray[Any] = cv2.cvtColor(array, order)
    return decoded
