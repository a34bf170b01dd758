"""`export`: the layers of a run as files that compositors read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import as_image
from maskdepth_cli.commands.layered_photos import LayeredPhoto, LayeredRun, run_layered
from maskdepth_cli.commands.layered_request import EXR_CHANNELS, ExportRequest
from maskdepth_cli.errors import ExitCode
from maskdepth_cli.files.layers import check_openexr, write_layers_exr, write_layers_tiff
from maskdepth_cli.kinds import values_of
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.types import InverseDepth
from maskdepth_cli.viewing.light import to_linear
from maskdepth_cli.viewing.matte import LayerColors
from maskdepth_cli.viewing.points import distance_of


def export_files(request: ExportRequest, options: RunOptions) -> ExitCode:
    """Export layers of photos in files.

    Raises
    ------
    UsageError, NothingToDoError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    if request.format == "exr":
        check_openexr()
    return run_layered(request, options, ExportWorker)


class ExportWorker:
    """Write the layers of photos.

    Parameters
    ----------
    request
        The format.
    layered
        Where the layers are.
    folder
        The target folder.
    """

    batch_size = at_once = 1

    def __init__(self, request: ExportRequest, layered: LayeredRun, folder: Path) -> None:
        self._request = request
        self._layered = layered
        self._folder = folder

    def load(self, job: Job) -> LayeredPhoto:
        """Read a photo and its layers."""
        return self._layered.load(job)

    def compute(
        self, loaded: Sequence[LayeredPhoto]
    ) -> list[tuple[dict[str, NDArray[np.float32]], str]]:
        """Separate the colours of object and background."""
        return [(layers_of(photo), photo.kind) for photo in loaded]

    def save(self, job: Job, result: tuple[dict[str, NDArray[np.float32]], str]) -> dict[str, Any]:
        """Write the file, or one a layer."""
        layers, kind = result
        facts = {"kind": kind, "color": "linear light, sRGB primaries"}
        for role, place in job.outputs:
            target = self._folder / place
            if self._request.format == "files":
                write_layers_tiff(target, {role: layers[role]}, facts)
            elif self._request.format == "exr":
                channels = {EXR_CHANNELS[name]: values for name, values in layers.items()}
                write_layers_exr(target, channels, facts)
            else:
                write_layers_tiff(target, layers, facts)
        return facts


def layers_of(photo: LayeredPhoto) -> dict[str, NDArray[np.float32]]:
    """Return what compositors want: colours in linear light, alpha, depth of the run's kind.

    ``color`` is ``alpha * foreground.color + (1 - alpha) * background.color`` before the change
    to linear light, and ``depth`` likewise.
    """
    colors = LayerColors(photo.image, photo.mask).whole(textured=True)

    def stored(inverse: InverseDepth) -> NDArray[np.float32]:
        return distance_of(inverse) if photo.kind == "depth" else values_of(inverse, photo.kind)

    return {
        "color": to_linear(as_image(photo.image)),
        "alpha": photo.mask,
        "depth": stored(photo.depth),
        "foreground.color": to_linear(colors.foreground),
        "foreground.depth": stored(photo.foreground),
        "background.color": to_linear(colors.background),
        "background.depth": stored(photo.background),
    }
