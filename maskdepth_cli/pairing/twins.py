"""One depth map in two files, a picture to look at and its floats: the floats are the map."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import TypeVar

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.headers import open_file, read_header
from maskdepth_cli.pairing.finding import suffix, without_suffix
from maskdepth_cli.pairing.patterns import composed

KNOWN_ENDINGS = ("_raw_depth_meter",)
"""What tools add to a photo's name for the floats beside a picture of that name: Depth Anything
V2's `metric_depth/run.py`."""

_FLOATS = frozenset({".npy", ".npz", ".pfm", ".exr"})
_TIFF = frozenset({".tif", ".tiff"})
_MOST_BITS = 16  # of a sample that is no float


Photo = TypeVar("Photo", bound=Hashable)


def leave_floats(
    answers: MutableMapping[Photo, list[tuple[str, ...]]],
    files: Mapping[str, Sequence[str]],
    root: str,
    *,
    named: bool,
) -> dict[Photo, tuple[str, ...]]:
    """Leave of depth maps that are there twice the one that holds floats.

    Parameters
    ----------
    answers : mapping
        Photo to alternatives, each of one file or several, as places below `root`; changed.
    files : mapping
        The places of all files by their names without extension.
    root : str
        The folder.
    named : bool
        Whether the user said how files are named; otherwise `KNOWN_ENDINGS` are looked for.

    Returns
    -------
    dict
        Photo to the file that is left and those that are not.
    """
    twins: dict[Photo, tuple[str, ...]] = {}
    for photo, found in answers.items():
        several = len(found) == 1 and len(found[0]) > 1
        candidates = [place for group in found if several or len(group) == 1 for place in group]
        if several and not named:  # a photo's folder of files, whose names say what they are
            continue
        if candidates and not named:
            stem = composed(without_suffix(candidates[0]))
            for ending in KNOWN_ENDINGS:
                candidates += files.get(stem + ending, ())
        if len(candidates) < max(len(found), 2):
            continue
        floats = [place for place in candidates if _holds_floats(Path(root), place)]
        if len(floats) == 1:
            answers[photo] = [(floats[0],)]
            twins[photo] = (floats[0], *(place for place in candidates if place != floats[0]))
    return twins


def _holds_floats(root: Path, place: str) -> bool:
    ending = suffix(place).lower()
    if ending not in _TIFF:
        return ending in _FLOATS
    path = root / place
    try:
        with open_file(path) as stream:
            header, _ = read_header(stream, path, float("inf"))
    except InputFileError:
        return False
    return header.bits > _MOST_BITS
