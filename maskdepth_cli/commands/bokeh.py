"""`bokeh`: photos of a run with layers, blurred where they are out of focus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskdepth_cli.commands.layered_photos import LayeredPhoto, LayeredRun, run_layered
from maskdepth_cli.commands.layered_request import BACKGROUND, BokehRequest
from maskdepth_cli.errors import ExitCode, InputFileError
from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.types import InverseDepth, Mask, Photo
from maskdepth_cli.viewing.bokeh import Lens, bokeh
from maskdepth_cli.viewing.colors import depth_range
from maskdepth_cli.viewing.pictures import as_bytes, write_picture

Focus = tuple[float, float]


def bokeh_files(request: BokehRequest, options: RunOptions) -> ExitCode:
    """Blur photos in files.

    Raises
    ------
    UsageError, NothingToDoError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    request.check()
    return run_layered(request, options, BokehWorker)


class BokehWorker:
    """Blur photos.

    Parameters
    ----------
    request
        Focus and aperture.
    layered
        Where the layers are.
    folder
        The target folder.
    """

    batch_size = at_once = 1

    def __init__(self, request: BokehRequest, layered: LayeredRun, folder: Path) -> None:
        self._request = request
        self._layered = layered
        self._folder = folder

    def load(self, job: Job) -> tuple[LayeredPhoto, Focus]:
        """Read a photo, its layers, and the inverse depth in focus."""
        photo = self._layered.load(job)
        return photo, self._focus(job, photo)

    def compute(self, loaded: Sequence[tuple[LayeredPhoto, Focus]]) -> list[tuple[Photo, Focus]]:
        """Blur photos one after the other."""
        return [(self._blur(photo, focus), focus) for photo, focus in loaded]

    def save(self, job: Job, result: tuple[Photo, Focus]) -> dict[str, Any]:
        """Write the picture."""
        picture, focus = result
        (_, place), *_ = job.outputs
        write_picture(self._folder / place, as_bytes(picture))
        return {"focus": focus[0] if focus[0] == focus[1] else list(focus)}

    def _blur(self, photo: LayeredPhoto, focus: Focus) -> Photo:
        lens = Lens(
            focus,
            self._request.aperture * max(photo.mask.shape),
            blades=self._request.blades,
            highlights=self._request.highlights,
            object_sharp=self._request.on_object,
        )
        return bokeh(photo.image, photo.foreground, photo.background, photo.mask, lens)

    def _focus(self, job: Job, photo: LayeredPhoto) -> Focus:
        """Return the farthest and the nearest inverse depth in focus."""
        height, width = photo.mask.shape
        if points := self._request.points():
            found = []
            for x, y in points:
                if not (x < width and y < height):
                    raise InputFileError(
                        f"{shown(job.name)}: {x},{y} is not in its {width}x{height}"
                    )
                found.append(_median(photo.depth[y : y + 1, x : x + 1], None, f"{x},{y}"))
            return min(found), max(found)
        if shares := self._request.shares():
            low, high = depth_range(photo.depth)
            return low + shares[0] * (high - low), low + shares[1] * (high - low)
        for path in job.paths("focus"):
            mask = read_mask(path, max_megapixels=self._request.max_megapixels)
            mask = match_size(mask, (width, height), what="mask", path=path)
            focus = _median(photo.depth, mask, shown(path))
        if self._request.focus_mask is None:
            if self._request.focus == BACKGROUND:
                focus = _median(photo.background, 1 - photo.mask, "the background")
            else:
                focus = _median(photo.foreground, photo.mask, "the object")
        return focus, focus


def _median(depth: InverseDepth, mask: Mask | None, what: str) -> float:
    """Return the median of the known inverse depth under a mask."""
    values = depth.ravel() if mask is None else depth[mask >= 0.5]
    values = values[np.isfinite(values)]
    if not values.size:
        raise InputFileError(f"no known depth to focus on at {what}; give --focus X,Y")
    return float(np.median(values))
