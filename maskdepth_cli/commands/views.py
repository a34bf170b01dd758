"""`stereo`, `parallax` and `mesh`: the photos of a run with layers, seen from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskdepth_cli.commands.layered_photos import LayeredPhoto, LayeredRun, Outputs, run_layered
from maskdepth_cli.commands.layered_request import LayeredRequest
from maskdepth_cli.commands.view_requests import MeshRequest, ParallaxRequest, StereoRequest
from maskdepth_cli.errors import ExitCode
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.viewing.meshes import check_trimesh, layered_mesh, write_glb
from maskdepth_cli.viewing.parallax import parallax
from maskdepth_cli.viewing.pictures import write_picture
from maskdepth_cli.viewing.points import focal_length
from maskdepth_cli.viewing.stereo import anaglyph, stereo_pair
from maskdepth_cli.viewing.videos import check_video, write_video
from maskdepth_cli.viewing.views import LayeredScene, layered_scene

Save = Callable[[Job, LayeredScene, Path], dict[str, Any]]


def stereo_files(request: StereoRequest, options: RunOptions) -> ExitCode:
    """Write what both eyes see of photos in files.

    Raises
    ------
    UsageError, NothingToDoError, OutputError
        Before any work; see docs/exit-codes.md.
    """

    def outputs(place: str) -> tuple[tuple[str, str], ...]:
        if request.layout == "pair":
            return (("left", f"{place}-left.png"), ("right", f"{place}-right.png"))
        return (("stereo", f"{place}.png"),)

    def save(job: Job, scene: LayeredScene, folder: Path) -> dict[str, Any]:
        left, right = stereo_pair(scene, request.strength, request.convergence)
        if request.layout == "pair":
            pictures = [left, right]
        elif request.layout == "anaglyph":
            pictures = [anaglyph(left, right)]
        else:
            axis = 1 if request.layout == "side-by-side" else 0
            pictures = [np.concatenate([left, right], axis=axis)]
        for (_, place), picture in zip(job.outputs, pictures, strict=True):
            write_picture(folder / place, picture)
        nearness = request.convergence
        return {"convergence": scene.nearness() if nearness is None else nearness}

    return _show(request, options, outputs, None, save)


def parallax_files(request: ParallaxRequest, options: RunOptions) -> ExitCode:
    """Write videos of a camera that moves before photos in files.

    Raises
    ------
    UsageError, NothingToDoError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    check_video(request.format)
    count = max(2, round(request.seconds * request.rate))

    def save(job: Job, scene: LayeredScene, folder: Path) -> dict[str, Any]:
        frames = parallax(scene, request.path, request.strength, count)
        (_, place), *_ = job.outputs
        write_video(folder / place, frames, request.rate, request.format)
        return {"frames": count}

    def outputs(place: str) -> tuple[tuple[str, str], ...]:
        return (("parallax", f"{place}.{request.format}"),)

    return _show(request, options, outputs, request.size, save)


def mesh_files(request: MeshRequest, options: RunOptions) -> ExitCode:
    """Write both layers of photos in files as textured surfaces.

    Raises
    ------
    UsageError, NothingToDoError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    check_trimesh()
    request.check()

    def save(job: Job, scene: LayeredScene, folder: Path) -> dict[str, Any]:
        focal = focal_length(scene.mask.shape[1], request.field_of_view)
        mesh = layered_mesh(scene, request.near, request.far, focal)
        (_, place), *_ = job.outputs
        write_glb(folder / place, mesh)
        return {"faces": sum(len(one.faces) for one in mesh.geometry.values())}

    return _show(request, options, lambda place: (("mesh", f"{place}.glb"),), request.size, save)


def _show(
    request: LayeredRequest,
    options: RunOptions,
    outputs: Outputs,
    long_side: int | None,
    save: Save,
) -> ExitCode:
    def make_worker(request: LayeredRequest, layered: LayeredRun, folder: Path) -> ViewWorker:
        return ViewWorker(layered, folder, long_side, save)

    return run_layered(request, options, make_worker, outputs)


class ViewWorker:
    """Show photos from elsewhere.

    Parameters
    ----------
    layered
        Where the layers are.
    folder
        The target folder.
    long_side
        Size at which it is done; None: that of the photos.
    save
        Draws what is wanted of a scene and writes it.
    """

    batch_size = at_once = 1

    def __init__(
        self, layered: LayeredRun, folder: Path, long_side: int | None, save: Save
    ) -> None:
        self._layered = layered
        self._folder = folder
        self._long_side = long_side
        self._save = save

    def load(self, job: Job) -> LayeredPhoto:
        """Read a photo and its layers."""
        return self._layered.load(job)

    def compute(self, loaded: Sequence[LayeredPhoto]) -> list[LayeredScene]:
        """Separate the colours of object and background."""
        return [
            layered_scene(one.image, one.foreground, one.background, one.mask, self._long_side)
            for one in loaded
        ]

    def save(self, job: Job, result: LayeredScene) -> dict[str, Any]:
        """Draw and write."""
        return self._save(job, result, self._folder)
