"""A path on the command line to a clip of one role."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.clips.frames import FrameFiles, Frames
from maskdepth_cli.clips.numbering import is_pattern, numbered_files
from maskdepth_cli.clips.stacks import StackFrames
from maskdepth_cli.clips.videos import VideoFrames
from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.arrays import is_array_file
from maskdepth_cli.files.names import shown
from maskdepth_cli.pairing.finding import is_file, is_folder

Noun = Literal["photo", "mask", "instance map", "depth map"]
VIDEO_SUFFIXES = frozenset(
    {".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv"}
    | {".ts", ".webm", ".wmv", ".y4m"}
)


def names_a_clip(inputs: Collection[str], *, folders: bool) -> bool:
    """Tell whether the inputs of a command are a clip.

    Parameters
    ----------
    inputs : collection of str
        Files, folders, patterns.
    folders : bool
        Whether a folder counts as one.
    """
    return folders or any(
        Path(place).suffix.lower() in VIDEO_SUFFIXES or is_pattern(place) for place in inputs
    )


def open_frames(
    place: str | Path,
    suffixes: Collection[str],
    noun: Noun,
    name: str | None = None,
    *,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> Frames:
    """Open the frames of a clip: a video, a stack of arrays, a pattern or a folder of files.

    Parameters
    ----------
    place : str or Path
        Where they are.
    suffixes : collection of str
        Extensions, in lower case, that count in a folder.
    noun : str
        What messages call a frame's file.
    name : str, optional
        Of the array in a ``.npz`` file that is wanted.
    max_megapixels : float
        Larger frames are refused.

    Raises
    ------
    UsageError
        There are none, or a library that reads them is missing.
    InputFileError
        The file cannot be read.
    """
    path = Path(place)
    if is_folder(path) or is_pattern(path):
        return FrameFiles(numbered_files(path, suffixes))
    if not is_file(path):
        raise UsageError(f"{shown(path)}: no such file or folder")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        wanted: Literal["colour", "gray"] = "colour" if noun == "photo" else "gray"
        return VideoFrames(path, wanted, max_megapixels=max_megapixels)
    if noun != "photo" and is_array_file(path):
        key = "depth" if noun == "depth map" else noun
        return StackFrames(path, key, name, max_megapixels=max_megapixels)
    raise UsageError(
        f"{shown(path)}: one file, but a clip needs a {noun} a frame; name a video, numbered "
        "files such as shot.####.exr, or their folder"
    )
