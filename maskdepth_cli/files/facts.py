"""What a picture file says of itself: format, size, orientation, sample type, text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maskdepth_cli.files import libraries
from maskdepth_cli.files.png import PngFacts

_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Header:
    """Facts known without decoding pixels.

    Attributes
    ----------
    format : str
        ``JPEG``, ``PNG``, ``TIFF``, ``WEBP``, ``BMP``, ``PNM``, ``HEIF``, ``AVIF`` or ``EXR``, from
        the content, not from the name.
    width, height : int
        Size as stored.
    orientation : int
        Exif orientation, 1 to 8.
    mode : str
        Pillow's mode, empty if Pillow does not know the sample type.
    bits : int
        Bits per sample.
    text : dict of str to str
        PNG text chunks, or the TIFF description as ``description``.
    png : PngFacts or None
        What else a PNG's chunks say.
    white : float or None
        The value of white, where it is not the largest of the bits.
    extras : int
        Channels of a TIFF beside its colours that it does not call alpha.
    """

    format: str
    width: int
    height: int
    orientation: int
    mode: str
    bits: int
    text: dict[str, str] = field(default_factory=dict)
    png: PngFacts | None = None
    white: float | None = None
    extras: int = 0

    @property
    def displayed_size(self) -> tuple[int, int]:
        """Width and height after the orientation is applied."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)


def exif_orientation(lazy: Any, exif: bytes = b"") -> int:
    """Return the orientation that `lazy` or the Exif block names; 1 if none or not valid."""
    try:
        if exif:
            block = libraries.pillow().Exif()
            block.load(exif)
        else:
            # The base class's: that of PNG decodes the whole picture to look behind its pixels.
            block = libraries.pillow().Image.getexif(lazy)
        value = block.get(_ORIENTATION, 1)
    except Exception:  # damaged Exif does not make a photo unreadable
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
