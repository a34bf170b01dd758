"""What bokeh, stereo and parallax made of a run's photos, as small pictures of its gallery."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from maskdepth_cli.errors import NothingToDoError
from maskdepth_cli.files.images import read_photo
from maskdepth_cli.run.manifest import DONE, Manifest
from maskdepth_cli.run.target import MANIFEST, why_no_manifest
from maskdepth_cli.viewing.pictures import as_bytes
from maskdepth_cli.viewing.thumbnails import animation, thumbnail
from maskdepth_cli.viewing.videos import read_frames

PRODUCTS = ("bokeh", "stereo", "parallax")
"""Roles of outputs that a gallery shows."""


class Products:
    """The target folders of commands over a run with layers.

    Parameters
    ----------
    folders
        Where their manifests are.

    Raises
    ------
    NothingToDoError
        One has no manifest.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        for folder in folders:
            with contextlib.closing(Manifest(folder / MANIFEST)) as manifest:
                if not len(manifest):
                    raise NothingToDoError(why_no_manifest(folder))

    def pictures(self, name: str, long_side: int) -> dict[str, str]:
        """Return the pictures of a photo by product, the first folder's where there are several.

        Raises
        ------
        InputFileError
            One cannot be read.
        """
        found: dict[str, str] = {}
        for role, path in self._outputs(name):
            if role not in found:
                if role == "parallax":
                    found[role] = animation(read_frames(path), long_side)
                else:
                    picture = as_bytes(read_photo(path))
                    found[role] = thumbnail(np.ascontiguousarray(picture), long_side)
        return found

    def _outputs(self, name: str) -> Iterator[tuple[str, Path]]:
        for folder in self._folders:
            with contextlib.closing(Manifest(folder / MANIFEST)) as manifest:
                record = manifest.get(name)
            if record is not None and record.status == DONE:
                for role in PRODUCTS:
                    if place := record.place(role):
                        yield role, folder / place
