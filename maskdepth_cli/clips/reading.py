"""A frame of each role as arrays, by the rules that files of photos follow, on the clip's scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS, DepthKind
from maskdepth_cli.clips.frames import FrameFiles, Frames
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.arrays import is_array_file
from maskdepth_cli.files.depths import DepthMap, depth_map_of, read_depth_map
from maskdepth_cli.files.images import photo_of, read_photo
from maskdepth_cli.files.mask_rules import AS_WRITTEN, MaskRules
from maskdepth_cli.files.masks import is_exr_file, mask_of, read_mask, scaled_mask
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.rasters import Raster, read_raster
from maskdepth_cli.types import Mask, Photo

_NOISE = 3 / 255  # of codecs that lose something, around black and white


@dataclass(frozen=True)
class PhotoFrames:
    """The photos of a clip."""

    frames: Frames
    max_megapixels: float = MAX_MEGAPIXELS

    def read(self, number: int) -> Photo:
        """Return a photo (H, W, 3), as `read_photo` does."""
        frame = self.frames.frame(number)
        if isinstance(frame, Path):
            return read_photo(frame, max_megapixels=self.max_megapixels)
        if isinstance(frame, Raster):
            return photo_of(frame, self.frames.path)
        raise InputFileError(
            f"{shown(self.frames.path)}: a clip's photos are a video or pictures, not arrays"
        )


@dataclass(frozen=True)
class DepthFrames:
    """The depth maps of a clip; none is resized.

    Parameters
    ----------
    frames : Frames
        Where they are.
    kind, unknown, channel, max_megapixels
        As `read_depth_map` takes them.
    """

    frames: Frames
    kind: DepthKind
    unknown: float | None = None
    channel: str | None = None
    max_megapixels: float = MAX_MEGAPIXELS

    def read(self, number: int) -> DepthMap:
        """Return a depth map, as `read_depth_map` does."""
        frame = self.frames.frame(number)
        if isinstance(frame, Path):
            return read_depth_map(
                frame,
                self.kind,
                unknown=self.unknown,
                channel=self.channel,
                max_megapixels=self.max_megapixels,
            )
        return depth_map_of(
            frame, self.frames.path, self.kind, unknown=self.unknown, facts=self.frames.facts
        )


@dataclass(frozen=True)
class MaskFrames:
    """The masks of a clip, of one white.

    Parameters
    ----------
    frames : Frames
        Where they are.
    rules : MaskRules
        What of a frame is the mask.
    max_megapixels : float
        Larger ones are refused.
    """

    frames: Frames
    rules: MaskRules = AS_WRITTEN
    max_megapixels: float = MAX_MEGAPIXELS

    def read(self, number: int, note: Callable[[str], object] = bool) -> Mask:
        """Return a mask (H, W) in [0, 1], as `read_mask` does; inverted where that is wanted."""
        mask = self._given(self.frames.frame(number), note)
        return 1 - mask if self.rules.invert else mask

    def _given(self, frame: Path | Raster | NDArray[Any], note: Callable[[str], object]) -> Mask:
        if isinstance(frame, Path):
            limit = self.max_megapixels
            return read_mask(frame, rules=self.rules, note=note, max_megapixels=limit)
        if isinstance(frame, Raster):
            # That of a video is its mask in every frame, even where nothing shows.
            rules = replace(self.rules, levels=self.rules.levels or round(frame.white))
            if frame.alpha is not None and rules.channel != "gray":
                frame = replace(frame, colour=frame.alpha, alpha=None)
            mask = mask_of(frame, self.frames.path, rules=replace(rules, channel="gray"), note=note)
            return _without_noise(mask) if frame.lossy else mask
        full = float(np.iinfo(frame.dtype).max) if frame.dtype.kind in "iu" else 1.0
        return scaled_mask(frame, full, self.frames.path, levels=self.rules.levels, note=note)

    def of_one_white(self) -> MaskFrames:
        """Return the masks with the clip's white.

        Files of 0 and 1 alone are taken as they are; in a clip, only if no frame holds more: a
        matte whose object has all but left the frame is nearly black, not white.
        """
        if self.rules.levels is not None:
            return self
        for number in self.frames.numbers:
            try:
                white = self._white(number)
            except InputFileError:
                continue  # its own frame fails
            if white is not None:
                return replace(self, rules=replace(self.rules, levels=white)) if white else self
        return self

    def _white(self, number: int) -> int | None:
        """Return the white that a frame proves, 0 where white is not in question, else None."""
        frame = self.frames.frame(number)
        if isinstance(frame, np.ndarray):
            integers = frame.dtype.kind in "iu"
            return None if not integers or frame.max() <= 1 else int(np.iinfo(frame.dtype).max)
        if not isinstance(frame, Path) or is_array_file(frame) or is_exr_file(frame):
            return 0
        raster = read_raster(frame, self.max_megapixels)
        if raster.white <= 1 or raster.palette is not None:
            return 0
        return round(raster.white) if raster.colour.max() > 1 else None


def _without_noise(mask: Mask) -> Mask:
    """Return a mask whose black and white are so, where a codec has made them nearly so."""
    mask = np.where(mask <= _NOISE, np.float32(0), mask)
    return np.where(mask >= 1 - _NOISE, np.float32(1), mask).astype(np.float32)


def is_files(frames: Frames) -> bool:
    """Tell whether every frame is a file of its own."""
    return isinstance(frames, FrameFiles)
