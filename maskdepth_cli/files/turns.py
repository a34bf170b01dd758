"""Files that were made from a photo as it is stored, without the turn that its Exif block names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.files.images import orientation_of
from maskdepth_cli.files.mask_rules import TURN
from maskdepth_cli.files.rasters import orient
from maskdepth_cli.files.sizes import ASPECT_TOLERANCE


@dataclass(frozen=True)
class Turned:
    """How one file is brought to its photo.

    Parameters
    ----------
    size
        Width and height to which it is resized before it is turned.
    orientation
        As Exif numbers turns; 1: none.
    """

    size: tuple[int, int]
    orientation: int = 1

    def apply(self, array: NDArray[Any]) -> NDArray[Any]:
        """Turn an array (H, W) of that size as the photo is turned."""
        return np.ascontiguousarray(orient(array, self.orientation))


@dataclass(frozen=True)
class Turns:
    """What is known of the turn of a photo's partners.

    Parameters
    ----------
    photo
        Exif orientation of the photo.
    as_stored
        Whether files without a turn of their own show the photo as it is stored.
    note
        Told `mask_rules.TURN` where it was not said and shapes do not tell.
    said
        Whether the user said how files lie, be it of another role.
    """

    photo: int = 1
    as_stored: bool = False
    note: Callable[[str], object] = bool
    said: bool = False

    def of(self, path: Path, size: tuple[int, int]) -> Turned:
        """Return how a file lies whose photo is seen at a size (width, height)."""
        if self.photo == 1 or orientation_of(path, max_megapixels=float("inf")) != 1:
            return Turned(size)
        if not self.as_stored:
            ratio = size[0] / size[1]
            alike = self.photo < 5 or max(ratio, 1 / ratio) ** 2 <= 1 + ASPECT_TOLERANCE
            if alike and not self.said:
                self.note(TURN)
            return Turned(size)
        return Turned(size[::-1] if self.photo >= 5 else size, self.photo)
