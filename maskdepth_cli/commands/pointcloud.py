"""`pointcloud`: one photo and one depth map as a PLY file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskdepth_cli.commands.pointcloud_request import PointCloudRequest
from maskdepth_cli.errors import InputFileError, UsageError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.ply import write_ply
from maskdepth_cli.files.sizes import match_size
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
_LEAST_GAP = 0.01  # between object and background, as a share of the range


def write_point_cloud(request: PointCloudRequest) -> tuple[Path, int]:
    """Write a point cloud.

    Returns
    -------
    path, count
        The file and the number of its points.

    Raises
    ------
    UsageError
        The distances contradict each other or the kind.
    InputFileError
        A file cannot be read or does not fit the photo, or not one point is left.
    OutputError
        The target cannot be written.
    """
    target = request.output or request.depth.with_suffix(".ply")
    near, far = request.near or _NEAR, request.far or _FAR
    if request.depth_kind == "depth" and (request.near or request.far or request.range_of):
        raise UsageError("--near, --far and --range-of are for inverse depth; drop them")
    if not 0 < near < far:
        raise UsageError(f"--near {near:g} must be less than --far {far:g}")
    if request.behind and not request.mask:
        raise UsageError("--behind is what lies behind --mask; give both")
    limit = request.max_megapixels
    image = read_image(request.photo, max_megapixels=limit)
    size = (image.shape[1], image.shape[0])
    mask = None
    if request.mask is not None:
        mask = read_mask(request.mask, max_megapixels=limit)
        mask = match_size(mask, size, what="mask", path=request.mask)
    focal = request.focal or focal_length(size[0], request.field_of_view)
    inverse = _read(request, request.depth, size)
    reference = inverse
    if request.range_of is not None:
        reference = read_depth(request.range_of, "inverse", max_megapixels=limit)

    def cloud_of(colors: Image, values: InverseDepth, within: Mask | None) -> PointCloud:
        if request.depth_kind == "depth":
            distance = distance_of(values)
        else:
            distance = distance_between(values, near, far, reference)
        return point_cloud(colors, distance, focal, cull=request.cull, mask=within)

    if request.behind is None or mask is None:
        cloud = cloud_of(image, inverse, mask)
    else:
        behind = _read(request, request.behind, size)
        if request.range_of is None:
            reference = np.where(mask >= 0.5, inverse, behind)
        # A background that lies before the object would hide it.
        behind = np.where(mask >= 0.5, np.fmin(behind, inverse - _gap(reference)), behind)
        colors = LayerColors(image, mask).whole(textured=True)
        cloud = cloud_of(colors.foreground, inverse, mask) + cloud_of(colors.plate, behind, None)
    if not len(cloud.positions):
        raise InputFileError(f"{shown(request.depth)}: no point is left; nothing is written")
    write_ply(target, cloud.positions, cloud.colors, f"maskdepth: focal length {focal:.6g} px")
    return target, len(cloud.positions)


def _gap(reference: InverseDepth) -> float:
    """Return by how much an object lies at least before its background."""
    low, high = depth_range(reference)
    return _LEAST_GAP * (high - low)


def _read(request: PointCloudRequest, path: Path, size: tuple[int, int]) -> InverseDepth:
    """Read a depth map and bring it to the photo's size."""
    inverse = read_depth(path, request.depth_kind, max_megapixels=request.max_megapixels)
    return match_size(inverse, size, what="depth", path=path)
