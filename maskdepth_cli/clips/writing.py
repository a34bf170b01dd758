"""A clip's depth in one file: a video of gray codes without loss, or a stack as `.npz`."""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.errors import OutputError, UsageError, one_line
from maskdepth_cli.extras import extra
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.scales import WHITE, Scale

_DEFAULT_RATE = Fraction(24)  # of numbered files, which tell none
_CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    ".mkv": ("ffv1", "gray16le", {"level": "3", "slicecrc": "1"}),
    ".mp4": ("libx265", "gray12le", {"x265-params": "lossless=1:log-level=error"}),
}
"""Of each extension: codec, samples and options; both keep every code."""
CLIP_FILES = frozenset({*_CODECS, ".npz"})


def check_clip_file(path: Path) -> None:
    """Refuse files that cannot be written here, before any work is done.

    Raises
    ------
    UsageError
        PyAV is not installed, or lacks the encoder.
    """
    ending = path.suffix.lower()
    if ending not in _CODECS:
        return
    av = extra("av", "video", f"{shown(path)}: a video")
    name, samples, _ = _CODECS[ending]
    try:
        known = {one.name for one in av.Codec(name, "w").video_formats or ()}
    except ValueError:  # of which PyAV's error is one
        known = set()
    if samples not in known:
        raise UsageError(
            f"{shown(path)}: this PyAV encodes no {samples} with {name}; name a .mkv or a .npz file"
        )


def write_video(
    path: Path, frames: Iterator[NDArray[np.uint16]], rate: Fraction | None, scale: Scale
) -> None:
    """Write codes of 16 bits as a gray video; the target is replaced in one step or left.

    ``.mkv``: FFV1 of 16 bits, the codes themselves. ``.mp4``: HEVC of 12 bits without loss, the
    nearest of their codes; infinitely far is then the last code.

    Parameters
    ----------
    path : Path
        The target.
    frames : iterator of array
        (H, W) each, all of one size.
    rate : Fraction or None
        Frames a second; None: 24.
    scale : Scale
        What the codes mean: kept as the tags ``maskdepth.kind``, ``.offset``, ``.step`` and
        ``.unknown``.

    Raises
    ------
    OutputError
        The target cannot be written.
    """
    name, samples, options = _CODECS[path.suffix.lower()]
    av = extra("av", "video", f"{shown(path)}: a video")
    first = next(frames)
    narrow = samples == "gray12le"
    facts = scale.record()
    if narrow:
        facts |= {"step": scale.step * WHITE / (4095 * 16)}  # of codes spread over 16 bits
        facts.pop("infinite", None)
    with atomic_write(path) as temporary:
        try:
            mp4 = {"movflags": "use_metadata_tags"} if path.suffix.lower() == ".mp4" else {}
            with av.open(str(temporary), "w", options=mp4) as file:
                file.metadata.update({f"maskdepth.{key}": str(v) for key, v in facts.items()})
                stream: Any = file.add_stream(name, rate=rate or _DEFAULT_RATE, options=options)
                stream.height, stream.width = first.shape
                stream.pix_fmt = samples
                stream.codec_context.color_range = 2  # from black to white
                for codes in itertools.chain([first], frames):
                    numbers = _narrow(codes) if narrow else codes
                    picture = av.VideoFrame.from_ndarray(numbers, format="gray16le")
                    if narrow:
                        picture = _relabelled(av, numbers)
                    file.mux(stream.encode(picture))
                file.mux(stream.encode(None))
        except av.error.FFmpegError as error:
            raise OutputError(f"{shown(path)}: cannot be encoded: {one_line(error)}") from error


def _narrow(codes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return codes of 12 bits; 0, which may mean unknown, stays alone."""
    found = np.rint(codes * (4095 / WHITE)).astype(np.uint16)
    return np.where(codes == 0, 0, np.maximum(found, 1)).astype(np.uint16)


def _relabelled(av: Any, numbers: NDArray[np.uint16]) -> Any:
    """Return a frame of 12-bit gray with these very numbers."""
    picture = av.VideoFrame(numbers.shape[1], numbers.shape[0], "gray12le")
    (plane,) = picture.planes
    rows = np.zeros((numbers.shape[0], plane.line_size // 2), "<u2")
    rows[:, : numbers.shape[1]] = numbers
    plane.update(rows.tobytes())
    return picture


def write_stack(
    path: Path, frames: Iterator[NDArray[np.float32]], count: int, kind: DepthKind
) -> None:
    """Write maps as the array ``depth`` (T, H, W) of a ``.npz`` file, as DepthCrafter does.

    The array ``kind`` says what they mean. Frames are written one by one.

    Raises
    ------
    OutputError
        The target cannot be written.
    """
    first = next(frames)
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, *first.shape)}
    with (
        atomic_write(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        with archive.open("depth.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for frame in itertools.chain([first], frames):
                stream.write(np.ascontiguousarray(frame, "<f4").tobytes())
        with archive.open("kind.npy", "w") as stream:
            np.lib.format.write_array(stream, np.array(kind))
