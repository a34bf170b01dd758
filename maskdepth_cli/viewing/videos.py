"""Moving pictures as files, encoded by a library: no other program is needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from maskdepth_cli.choices import VideoFormat
from maskdepth_cli.errors import InputFileError, UsageError
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.names import shown

Picture = NDArray[np.uint8]

_CODECS = {
    "mp4": ("libx264", {"crf": "18", "preset": "medium"}),
    "webm": ("libvpx-vp9", {"crf": "24", "b": "0", "row-mt": "1", "cpu-used": "4"}),
}


def check_video(format: VideoFormat) -> None:
    """Refuse videos where the package that encodes them is missing.

    Raises
    ------
    UsageError
        The package `av` is not installed.
    """
    if format != "gif" and find_spec("av") is None:
        raise UsageError("PyAV is not installed: pip install 'maskdepth[video]', or choose gif")


def write_video(path: Path, frames: Iterator[Picture], rate: int, format: VideoFormat) -> None:
    """Write pictures as a video; the target is replaced in one step or left as it was.

    Parameters
    ----------
    path
        The target.
    frames
        RGB, uint8 (H, W, 3), all of one size with even sides.
    rate
        Pictures a second.
    format
        `mp4` (H.264), `webm` (VP9) or `gif`, which loops.

    Raises
    ------
    OutputError
        The target cannot be written.
    """
    with atomic_write(path) as temporary:
        if format == "gif":
            _write_gif(temporary, frames, rate)
        else:
            _encode(temporary, frames, rate, format)


def _encode(target: Path, frames: Iterator[Picture], rate: int, format: str) -> None:
    import av

    codec, options = _CODECS[format]
    first = next(frames)
    with av.open(str(target), "w", format=format) as file:
        stream: Any = file.add_stream(codec, rate=Fraction(rate), options=options)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in itertools.chain([first], frames):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))


def _write_gif(target: Path, frames: Iterator[Picture], rate: int) -> None:
    first = PILImage.fromarray(next(frames))
    # One palette for all, or colours flicker; median cut would leave small things without theirs.
    palette = first.quantize(256, method=PILImage.Quantize.MAXCOVERAGE)
    pictures = [
        one.quantize(palette=palette, dither=PILImage.Dither.FLOYDSTEINBERG)
        for one in itertools.chain([first], map(PILImage.fromarray, frames))
    ]
    pictures[0].save(
        target,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 / rate),
        loop=0,
    )


def read_frames(path: Path) -> list[Picture]:
    """Return the pictures of a video or of an animated picture, RGB (H, W, 3).

    Raises
    ------
    InputFileError
        It cannot be read, or the package that decodes it is missing.
    """
    try:
        if path.suffix == ".gif":
            with PILImage.open(path) as file:
                count = getattr(file, "n_frames", 1)
                return [_frame(file, index) for index in range(count)]
        if find_spec("av") is None:
            raise InputFileError(f"{shown(path)}: needs pip install 'maskdepth[video]'")
        import av

        with av.open(str(path)) as file:
            frames = file.decode(video=0)
            return [np.asarray(one.to_ndarray(format="rgb24"), np.uint8) for one in frames]
    except (OSError, ValueError) as error:  # av's errors are among these
        raise InputFileError(f"{shown(path)}: cannot be read as a video: {error}") from error


def _frame(file: PILImage.Image, index: int) -> Picture:
    file.seek(index)
    return np.asarray(file.convert("RGB"), np.uint8)
