"""`pointcloud`: one photo and one depth map as a PLY file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskdepth_cli.errors import InputFileError, UsageError
from maskdepth_cli.files.depths import DepthKind, read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.ply import write_ply
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.viewing.points import (
    Distance,
    distance_between,
    distance_of,
    focal_length,
    point_cloud,
)

_NEAR, _FAR = 1.0, 10.0


@dataclass(frozen=True)
class PointCloudRequest:
    """What `maskdepth pointcloud` was asked for.

    Parameters
    ----------
    photo, depth
        The files; the depth map is brought to the photo's size.
    depth_kind
        What the depth map holds.
    near, far
        Distances of the largest and the smallest value of an inverse depth map.
    range_of
        The inverse depth map whose range they refer to; None: the depth map itself.
    field_of_view
        Horizontal, in degrees; used without `focal`.
    focal
        Focal length in pixels.
    cull
        See `viewing.points.hangs`.
    mask
        Only the points of this mask.
    max_megapixels
        Larger pictures are refused.
    """

    photo: Path
    depth: Path
    depth_kind: DepthKind = "inverse"
    near: float | None = None
    far: float | None = None
    range_of: Path | None = None
    field_of_view: float = 60.0
    focal: float | None = None
    cull: float | None = None
    mask: Path | None = None
    max_megapixels: float = 200


def write_point_cloud(request: PointCloudRequest, target: Path) -> int:
    """Write a point cloud.

    Returns
    -------
    int
        The number of points.

    Raises
    ------
    UsageError
        The distances contradict each other or the kind.
    InputFileError
        A file cannot be read or does not fit the photo, or not one point is left.
    OutputError
        The target cannot be written.
    """
    near, far = request.near or _NEAR, request.far or _FAR
    if request.depth_kind == "depth" and (request.near or request.far or request.range_of):
        raise UsageError("--near, --far and --range-of are for inverse depth; drop them")
    if not 0 < near < far:
        raise UsageError(f"--near {near:g} must be less than --far {far:g}")
    limit = request.max_megapixels
    image = read_image(request.photo, max_megapixels=limit)
    size = (image.shape[1], image.shape[0])
    distance = _distance(request, near, far, size)
    mask = None
    if request.mask is not None:
        mask = read_mask(request.mask, max_megapixels=limit)
        mask = match_size(mask, size, what="mask", path=request.mask)
    focal = request.focal or focal_length(size[0], request.field_of_view)
    cloud = point_cloud(image, distance, focal, cull=request.cull, mask=mask)
    if not len(cloud.positions):
        raise InputFileError(f"{shown(request.depth)}: no point is left; nothing is written")
    write_ply(target, cloud.positions, cloud.colors, f"maskdepth: focal length {focal:.6g} px")
    return len(cloud.positions)


def _distance(
    request: PointCloudRequest, near: float, far: float, size: tuple[int, int]
) -> Distance:
    limit = request.max_megapixels
    inverse = read_depth(request.depth, request.depth_kind, max_megapixels=limit)
    fitted = match_size(inverse, size, what="depth", path=request.depth)
    if request.depth_kind == "depth":
        return distance_of(fitted)
    reference = inverse
    if request.range_of is not None:
        reference = read_depth(request.range_of, "inverse", max_megapixels=limit)
    return distance_between(fitted, near, far, reference)
