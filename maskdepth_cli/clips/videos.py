"""Frames of a video, decoded by PyAV: photos in colour; masks and depth maps as gray codes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.clips.frames import Forward, Frames
from maskdepth_cli.errors import InputFileError, MaskdepthError, one_line
from maskdepth_cli.extras import extra
from maskdepth_cli.files.limits import check_size
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.rasters import Raster
from maskdepth_cli.files.scales import WHITE, scale_of_text

_FULL_RANGE = 2  # of AVColorRange: codes from black to white, not from 16 to 235
_COLOUR, _COLOURED = 8, 0.01  # of 255, from gray; share of the pixels that makes a colour video


class VideoFrames(Frames):
    """The frames of a video, counted from 1 in the order in which they are shown.

    Parameters
    ----------
    path : Path
        The file.
    wanted : "colour" or "gray"
        What a frame is given as. Gray is the luma of a video without colours, spread from 16..235
        over 16 bits where the file says so; a video with colours is given in them.
    max_megapixels : float
        Larger videos are refused.

    Raises
    ------
    UsageError
        PyAV is not installed.
    InputFileError
        The video cannot be read.
    """

    def __init__(
        self,
        path: Path,
        wanted: Literal["colour", "gray"],
        *,
        max_megapixels: float = MAX_MEGAPIXELS,
    ) -> None:
        self.path = path
        self._wanted = wanted
        with _reading(path):
            self._reader = _Reader(path)
            codec = self._reader.stream.codec_context
            check_size(path, codec.width, codec.height, max_megapixels)
            self.numbers = range(1, self._reader.count + 1)
            self.rate = self._reader.stream.average_rate
            self.facts = _facts(path, self._reader.metadata)
            self._lossy = bool(codec.codec.lossy)
        if not self.numbers:
            raise InputFileError(f"{shown(path)}: there is no frame in this video")

    def file(self, number: int) -> Path:
        """Return the video."""
        return self.path

    def frame(self, number: int) -> Raster:
        """Return a frame as a decoded picture, turned as the video says."""
        frame = self._reader.item(number - 1)
        with _reading(self.path):
            picture = _gray(frame) if self._wanted == "gray" else None
            colour, alpha, white = picture or _colour(frame)
            turns = round(frame.rotation / 90) % 4
            colour = np.ascontiguousarray(np.rot90(colour, turns))
            if alpha is not None:
                alpha = np.ascontiguousarray(np.rot90(alpha, turns))
        return Raster(colour, alpha, white, None, self._lossy, {})


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Name the file in what the library raises."""
    try:
        yield
    except MaskdepthError:
        raise
    except Exception as error:
        words = getattr(error, "strerror", None) or one_line(error)
        raise InputFileError(f"{shown(path)}: cannot be read as a video: {words}") from error


class _Reader(Forward[Any]):
    """Decoded frames by their places in the order of presentation.

    The times of all packets are read first, which decodes nothing: by them a frame is known after
    a seek, and a damaged one does not move those after it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._av = extra("av", "video", f"{shown(path)}: a video")
        self._path = path
        self._open()
        times = [
            packet.pts
            for packet in self._file.demux(self.stream)
            if packet.size and not packet.is_discard
        ]
        self.metadata = {**self._file.metadata, **self.stream.metadata}
        self._times: list[int] = []
        if None not in times and len(set(times)) == len(times):
            self._times = sorted(times)
            self.count = len(times)
            self._open()
        else:  # of some old containers
            self._open()
            self.count = sum(1 for _ in self._frames)
            self._open()

    def _open(self) -> None:
        self._file = self._av.open(str(self._path))
        self.stream = self._file.streams.best("video")
        if self.stream is None:
            raise InputFileError(f"{shown(self._path)}: there is no video in this file")
        self.stream.thread_type = "AUTO"
        self._frames = self._file.decode(self.stream)
        self._pending: Any = None

    def seek(self, index: int) -> int:
        if self._times and index:
            with _reading(self._path):
                self._file.seek(self._times[index], stream=self.stream)
                self._frames = self._file.decode(self.stream)
                self._pending = next(self._frames, None)
            at = self._place(self._pending)
            if at is not None and at <= index:
                return at
        with _reading(self._path):
            self._open()
        return 0

    def read(self, index: int) -> Any:
        while True:
            frame, self._pending = self._pending, None
            if frame is None:
                try:
                    frame = next(self._frames)
                except StopIteration:
                    raise InputFileError(
                        f"{shown(self._path)}: frame {index + 1} is not in this video, though its "
                        f"packets count {self.count}"
                    ) from None
                except Exception as error:
                    self._frames = self._file.decode(self.stream)  # goes on behind it
                    raise InputFileError(
                        f"{shown(self._path)}: frame {index + 1} is damaged: {one_line(error)}"
                    ) from error
            at = self._place(frame)
            if at is None or at == index:
                return frame
            if at > index:
                self._pending = frame
                raise InputFileError(
                    f"{shown(self._path)}: frame {index + 1} is damaged: it cannot be decoded"
                )

    def _place(self, frame: Any) -> int | None:
        """Return which frame this is; None where its time does not tell."""
        if frame is None or frame.pts is None:
            return None
        at = bisect_left(self._times, frame.pts)
        return at if at < len(self._times) and self._times[at] == frame.pts else None


Picture = tuple[NDArray[Any], NDArray[Any] | None, float]
"""Samples, alpha or none, and white."""


def _gray(frame: Any) -> Picture | None:
    """Return the luma of a frame without colours; None where it has some, or no luma."""
    name = frame.format.name
    if name.startswith(("nv", "p0")):
        name = "yuv420p10le" if name.startswith("p01") else "yuv420p"
        frame = frame.reformat(format=name)
    if not name.startswith(("gray", "yuv")) or name.startswith(("grayf", "yuyv")):
        return None
    bits = frame.format.components[0].bits
    white = 2**bits - 1
    planes = [_plane(plane, bits, name) for plane in frame.planes]
    alpha = planes[-1] if len(planes) in (2, 4) else None
    middle = 2 ** (bits - 1)
    for chroma in planes[1:3] if len(planes) >= 3 else ():
        strong = np.abs(chroma.astype(np.int32) - middle) > _COLOUR * white / 255
        if strong.mean() > _COLOURED:
            return None
    luma = planes[0]
    full = name.startswith(("gray", "yuvj")) or int(frame.color_range) == _FULL_RANGE
    if full:
        return luma, alpha, float(white)
    step = 2 ** (bits - 8)
    codes = (luma.astype(np.float64) - 16 * step) * (WHITE / (219 * step))
    if alpha is not None:
        alpha = np.rint(alpha * (WHITE / white)).astype(np.uint16)
    return np.rint(codes.clip(0, WHITE)).astype(np.uint16), alpha, float(WHITE)


def _plane(plane: Any, bits: int, name: str) -> NDArray[Any]:
    order = ">" if name.endswith("be") else "<"
    kind = np.dtype(np.uint8 if bits <= 8 else f"{order}u2")
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
    return rows[: plane.height, : plane.width].astype(kind.newbyteorder("="))


def _colour(frame: Any) -> Picture:
    """Return a frame's colours, with 8 or 16 bits, and its alpha."""
    parts = frame.format.components
    deep = max(part.bits for part in parts) > 8
    if any(part.is_alpha for part in parts):
        samples = frame.to_ndarray(format="rgba64le" if deep else "rgba")
        return samples[..., :3], samples[..., 3], float(WHITE if deep else 255)
    samples = frame.to_ndarray(format="rgb48le" if deep else "rgb24")
    return samples, None, float(WHITE if deep else 255)


def _facts(path: Path, metadata: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what a video of ours says of its codes; of others nothing."""
    try:
        scale = scale_of_text({key.lower(): value for key, value in metadata.items()})
    except ValueError as error:
        raise InputFileError(f"{shown(path)}: {error}") from error
    return {} if scale is None else scale.record()
