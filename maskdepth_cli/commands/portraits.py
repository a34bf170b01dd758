"""What `refine` takes from within photos, and puts back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskdepth_cli.choices import Matte
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.headers import open_file, read_header
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.portraits.reading import (
    missing_depth,
    missing_matte,
    read_contents,
    read_embedded_depth,
)
from maskdepth_cli.types import InverseDepth


@dataclass(frozen=True)
class WithinPhoto:
    """The depth that a photo holds.

    Parameters
    ----------
    depth
        Of the photo's size; None where it holds none that can be used.
    facts
        What the file says of it, for the manifest.
    warning
        Why depth that is there is not used, or what is not known of it.
    """

    depth: InverseDepth | None = None
    facts: dict[str, Any] | None = None
    warning: str = ""


def matte_missing(photo: Path, name: Matte) -> str:
    """Return why a photo holds no such matte, empty where it holds it.

    A photo that cannot be read counts as holding one: whoever reads it reports it.
    """
    try:
        contents = read_contents(photo, max_megapixels=float("inf"))
    except InputFileError:
        return ""
    if contents and name in contents.mattes:
        return ""
    clear = " (its transparency is taken as its mask with --masks alpha)"
    return missing_matte(contents, name) + (clear if not contents and _has_alpha(photo) else "")


def _has_alpha(photo: Path) -> bool:
    try:
        with open_file(photo) as stream:
            return read_header(stream, photo, float("inf"))[0].mode in ("RGBA", "LA")
    except InputFileError:
        return False


def holds_depth(photo: Path) -> bool:
    """Tell whether a photo holds depth that can be used."""
    try:
        contents = read_contents(photo, max_megapixels=float("inf"))
    except InputFileError:
        return False
    return contents is not None and contents.depth is not None


def depth_within(photo: Path, size: tuple[int, int], max_megapixels: float) -> WithinPhoto:
    """Read the depth that a photo holds, and bring it to the photo's size.

    Raises
    ------
    InputFileError
        If it is damaged, or of another shape than the photo.
    """
    contents = read_contents(photo, max_megapixels=max_megapixels)
    if contents is None:
        return WithinPhoto()
    warning = "; ".join(contents.problems)
    if contents.depth is None or contents.depth.scale is None:
        return WithinPhoto(warning=f"{missing_depth(contents)}: predicted" if warning else "")
    depth = read_embedded_depth(photo, max_megapixels=max_megapixels)
    facts = {"container": contents.container, **contents.depth.scale.facts}
    depth = match_size(depth, size, what="depth", path=photo)
    return WithinPhoto(depth, facts, warning)
