"""Point clouds: a photo and its depth as coloured points before a pinhole camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.types import Image, InverseDepth, Mask

Distance = NDArray[np.float32]


@dataclass(frozen=True)
class PointCloud:
    """Points with a colour each.

    Parameters
    ----------
    positions
        float32 (N, 3): x to the right, y up, the camera at the origin looking along -z.
    colors
        uint8 (N, 3), RGB.
    """

    positions: NDArray[np.float32]
    colors: NDArray[np.uint8]

    def __add__(self, other: PointCloud) -> PointCloud:
        """Return the points of both, the other's last."""
        return PointCloud(
            np.concatenate([self.positions, other.positions]),
            np.concatenate([self.colors, other.colors]),
        )


def distance_between(
    inverse: InverseDepth,
    near: float,
    far: float,
    reference: InverseDepth | None = None,
    *,
    kind: DepthKind = "inverse",
) -> Distance:
    """Turn relative depth into distances from `near` to `far`.

    Relative inverse depth is 1 / distance up to an unknown scale and offset, so two distances must
    be chosen: the largest value lies at `near`, the smallest at `far`, and 1 / distance is linear
    in between. Of kind ``far`` the distance itself is.

    Parameters
    ----------
    inverse
        Inverse depth (H, W).
    near, far
        Distances, 0 < near < far.
    reference
        The map whose range is meant, for maps that are to fit together; default: `inverse`.
        Values beyond its range end at `near` and `far`.
    kind
        What the map was made from, ``inverse`` or ``far``.

    Returns
    -------
    ndarray
        Distance along the optical axis (H, W), NaN where unknown.
    """
    values = inverse if reference is None else reference
    known = values[np.isfinite(values)].astype(np.float64)
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    share = np.clip((inverse - low) / (high - low), 0, 1) if high > low else 0 * inverse
    if kind == "far":
        distance = far + share * (near - far)
    else:
        distance = 1 / (1 / far + share * (1 / near - 1 / far))
    return np.where(np.isfinite(inverse), distance, np.nan).astype(np.float32)


def distance_of(inverse: InverseDepth) -> Distance:
    """Return 1 / x of metric inverse depth (H, W), NaN where that is no distance."""
    known = np.isfinite(inverse) & (inverse > 0)
    return np.where(known, 1 / np.where(known, inverse, 1), np.nan).astype(np.float32)


def focal_length(width: int, field_of_view: float) -> float:
    """Return the focal length in pixels of a horizontal field of view in degrees."""
    return width / 2 / float(np.tan(np.radians(field_of_view) / 2))


def point_cloud(
    image: Image,
    distance: Distance,
    focal: float,
    *,
    cull: float | None = None,
    mask: Mask | None = None,
) -> PointCloud:
    """Place every pixel where it was seen: pinhole camera, principal point in the middle.

    Parameters
    ----------
    image
        Photo (H, W, 3) in [0, 1].
    distance
        Along the optical axis (H, W); pixels that are not finite and positive have no point.
    focal
        Focal length in pixels.
    cull
        Leave out pixels that `hangs` between a surface and one behind it.
    mask
        Keep the pixels with at least 0.5 only (H, W).

    Returns
    -------
    PointCloud
        In the order of the pixels, row by row.
    """
    kept = np.isfinite(distance) & (distance > 0)
    if cull is not None:
        kept &= ~hangs(distance, cull)
    if mask is not None:
        kept &= mask >= 0.5
    rows, columns = np.nonzero(kept)
    height, width = distance.shape
    z = distance[kept].astype(np.float64)
    x = (columns + 0.5 - width / 2) * z / focal
    y = (height / 2 - rows - 0.5) * z / focal
    positions = np.stack([x, y, -z], axis=1).astype(np.float32)
    return PointCloud(positions, np.rint(np.clip(image[kept], 0, 1) * 255).astype(np.uint8))


def hangs(distance: Distance, ratio: float) -> NDArray[np.bool_]:
    """Find pixels between two surfaces: one neighbour is much nearer, the opposite much farther.

    Blurred depth has such pixels along every edge, where they hang in the air. At a sharp edge
    there are none: each pixel belongs to one side.

    Parameters
    ----------
    distance
        (H, W).
    ratio
        How much nearer and farther, 0.05 for 5%.
    """
    padded = np.pad(distance, 1, mode="edge")
    inner = slice(1, -1)
    found = np.zeros(distance.shape, np.bool_)
    for one, other in (
        (padded[inner, :-2], padded[inner, 2:]),
        (padded[:-2, inner], padded[2:, inner]),
    ):
        for nearer, farther in ((one, other), (other, one)):
            with np.errstate(invalid="ignore"):
                found |= (nearer * (1 + ratio) < distance) & (distance * (1 + ratio) < farther)
    return found
