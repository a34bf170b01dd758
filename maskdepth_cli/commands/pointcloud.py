"""`pointcloud`: photos and depth maps as PLY files of coloured points."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maskdepth_cli.commands.pointcloud_request import PointCloudRequest
from maskdepth_cli.errors import ExitCode, InputFileError, UsageError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.ply import write_ply
from maskdepth_cli.files.remote import is_remote
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.pairing.matching import DEPTH_SUFFIXES
from maskdepth_cli.run.gathering import Wanted, gather, photo_pixels
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.planning import Layout
from maskdepth_cli.run.runner import run, run_where_it_lies
from maskdepth_cli.settings import decisive
from maskdepth_cli.types import Image, InverseDepth, Mask
from maskdepth_cli.viewing.colors import depth_range
from maskdepth_cli.viewing.matte import LayerColors
from maskdepth_cli.viewing.points import (
    PointCloud,
    distance_between,
    distance_of,
    focal_length,
    point_cloud,
)

_NEAR, _FAR = 1.0, 10.0
_SUFFIX, _ROLE = ".ply", "points"
_LEAST_GAP = 0.01  # between object and background, as a share of the range


def point_clouds(request: PointCloudRequest, options: RunOptions) -> ExitCode:
    """Write the point cloud of one photo as a file, or those of photos in folders as a run.

    Raises
    ------
    UsageError
        The distances contradict each other or the kind.
    InputFileError
        One photo: a file cannot be read or does not fit the photo, or not one point is left.
    NothingToDoError, OutputError
        See docs/exit-codes.md.
    """
    _check(request)
    if request.output is None and not request.depth.is_dir() and not is_remote(request.depth):
        request = replace(request, output=request.depth.with_suffix(_SUFFIX))
    if request.output is not None and request.output.suffix == _SUFFIX:
        _check_one(request, options)
        _write_one(request, request.output, quiet=options.quiet)
        return ExitCode.OK
    options = replace(options, folder=request.output or options.folder)
    return run_where_it_lies(request, options, _run_here)


def _check(request: PointCloudRequest) -> None:
    if request.depth_kind == "depth" and (request.near or request.far or request.range_of):
        raise UsageError("--near, --far and --range-of are for kinds inverse and far; drop them")
    near, far = _distances(request)
    if not 0 < near < far:
        raise UsageError(f"--near {near:g} must be less than --far {far:g}")
    if request.behind and not request.mask:
        raise UsageError("--behind is what lies behind --mask; give both")


def _distances(request: PointCloudRequest) -> tuple[float, float]:
    return request.near or _NEAR, request.far or _FAR


def _inputs(request: PointCloudRequest) -> list[Wanted]:
    """Return what a photo needs."""
    maps = {"depth": request.depth, "behind": request.behind, "range": request.range_of}
    found = [
        Wanted(role, "depth map", place, DEPTH_SUFFIXES) for role, place in maps.items() if place
    ]
    return [*found, Wanted("mask", "mask", request.mask)] if request.mask else found


def _check_one(request: PointCloudRequest, options: RunOptions) -> None:
    """Refuse one file of what is a run."""
    if Path(request.photo).is_dir() or is_remote(request.photo) or is_remote(request.depth):
        raise UsageError("one PLY file is for one photo on a disk; name a folder with --output")
    if options.dry_run or options.json or options.shard:
        raise UsageError(
            "--dry-run, --json and --shard are for runs; drop them, or name a folder with --output"
        )


def _write_one(request: PointCloudRequest, target: Path, *, quiet: bool) -> None:
    """Write the point cloud of one photo, and say how many points it has."""
    photo = Path(request.photo)
    inputs = tuple((one.role, one.folder) for one in _inputs(request) if one.folder)
    job = Job(photo.name, photo, inputs, ((_ROLE, target.name),))
    worker = PointCloudWorker(request, target.parent)
    (cloud,) = worker.compute([worker.load(job)])
    points = worker.save(job, cloud)["points"]
    if not quiet:
        print(f"{shown(target)}: {points} points", file=sys.stderr)


def _run_here(request: PointCloudRequest, options: RunOptions) -> ExitCode:
    plan = gather(
        (request.photo,),
        _inputs(request),
        Layout(_SUFFIX[1:], role=_ROLE),
        options.folder,
        dry_run=options.dry_run,
    )
    plan = replace(plan, notes=())  # a run's folder holds layers and previews besides
    return run(
        plan,
        lambda: PointCloudWorker(request, options.folder),
        options,
        decisive(request),
        photo_pixels(request.max_megapixels),
    )


@dataclass(frozen=True)
class _Scene:
    """A photo (H, W, 3) and its maps (H, W)."""

    image: Image
    inverse: InverseDepth
    reference: InverseDepth | None  # whose range the distances refer to, if not its own
    mask: Mask | None
    behind: InverseDepth | None
    name: Path  # of the depth map


class PointCloudWorker:
    """Make point clouds.

    Parameters
    ----------
    request
        The camera, and which points there are.
    folder
        The target folder.
    """

    batch_size = at_once = 1

    def __init__(self, request: PointCloudRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder

    def load(self, job: Job) -> _Scene:
        """Read a photo and its maps."""
        files, limit = dict(job.inputs), self._request.max_megapixels
        image = read_image(job.image, max_megapixels=limit)
        size = (image.shape[1], image.shape[0])

        def stored(role: str) -> InverseDepth:
            kind, unknown = self._request.depth_kind, self._request.unknown
            return read_depth(files[role], kind, unknown=unknown, max_megapixels=limit)

        def depth(role: str) -> InverseDepth:
            return match_size(stored(role), size, what="depth", path=files[role])

        mask = reference = None
        if "mask" in files:
            mask = read_mask(files["mask"], max_megapixels=limit)
            mask = match_size(mask, size, what="mask", path=files["mask"])
        inverse = depth("depth")
        if "range" in files:
            reference = stored("range")
        behind = depth("behind") if "behind" in files else None
        return _Scene(image, inverse, reference, mask, behind, files["depth"])

    def compute(self, loaded: Sequence[_Scene]) -> list[tuple[PointCloud, float]]:
        """Place points in space; each cloud comes with its focal length in pixels."""
        return [(self._cloud(scene), self._focal(scene.image)) for scene in loaded]

    def save(self, job: Job, result: tuple[PointCloud, float]) -> dict[str, Any]:
        """Write a PLY file."""
        cloud, focal = result
        (_, place), *_ = job.outputs
        comment = f"maskdepth: focal length {focal:.6g} px"
        write_ply(self._folder / place, cloud.positions, cloud.colors, comment)
        return {"points": len(cloud.positions), "focal": focal}

    def _cloud(self, scene: _Scene) -> PointCloud:
        image, inverse, mask, behind = scene.image, scene.inverse, scene.mask, scene.behind
        reference = inverse if scene.reference is None else scene.reference
        if behind is None or mask is None:
            cloud = self._points(image, inverse, reference, mask)
        else:
            if scene.reference is None:
                reference = np.where(mask >= 0.5, inverse, behind)
            # A background that lies before the object would hide it.
            behind = np.where(mask >= 0.5, np.fmin(behind, inverse - _gap(reference)), behind)
            colors = LayerColors(image, mask).whole(textured=True)
            cloud = self._points(colors.foreground, inverse, reference, mask)
            cloud += self._points(colors.plate, behind, reference, None)
        if not len(cloud.positions):
            raise InputFileError(f"{shown(scene.name)}: no point is left; nothing is written")
        return cloud

    def _points(
        self, colors: Image, values: InverseDepth, reference: InverseDepth, within: Mask | None
    ) -> PointCloud:
        request = self._request
        if request.depth_kind == "depth":
            distance = distance_of(values)
        else:
            kind = request.depth_kind
            distance = distance_between(values, *_distances(request), reference, kind=kind)
        focal = self._focal(colors)
        return point_cloud(colors, distance, focal, cull=request.cull, mask=within)

    def _focal(self, image: Image) -> float:
        return self._request.focal or focal_length(image.shape[1], self._request.field_of_view)


def _gap(reference: InverseDepth) -> float:
    """Return by how much an object lies at least before its background."""
    low, high = depth_range(reference)
    return _LEAST_GAP * (high - low)
