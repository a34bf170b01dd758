"""Edge-aware filters of the compared methods: weighted median, bilateral median, guided filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import Image, InverseDepth, Mask

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]
Value = TypeVar("Value", np.bool_, np.float32)

# Window values held at once by a median: they fit into the cache, and memory is bounded.
CHUNK = 500_000


def windowed_median(
    depth: InverseDepth,
    where: BoolArray,
    size: int,
    weigh: Callable[[NDArray[np.intp], NDArray[np.intp]], FloatArray],
) -> InverseDepth:
    """Replace chosen pixels by the weighted median of their square window.

    Parameters
    ----------
    depth : (H, W) float32 array
        Finite. Continued past the frame by its border pixels.
    where : (H, W) bool array
        The pixels to replace.
    size : int
        Side of the window, odd.
    weigh : callable
        ``weigh(rows, columns) -> (N, size * size)`` weights >= 0 of the windows around N pixels.
        A pixel whose weights are all 0 keeps its value.

    Returns
    -------
    (H, W) float32 array
        Going from near to far, the first value at which the cumulative weight exceeds half: a
        value of the window, never a mixture.
    """
    out = depth.copy()
    rows, columns = np.nonzero(where)
    patches = windows(depth, size)
    for begin in range(0, len(rows), max(CHUNK // size**2, 1)):
        part = slice(begin, begin + max(CHUNK // size**2, 1))
        y, x = rows[part], columns[part]
        values = patches[y, x].reshape(len(y), -1)
        weights = weigh(y, x)
        # Nearest first, as 3D-Photo-Inpainting sorts metric depth upwards.
        order = np.argsort(-values, axis=1)
        cumulative = np.take_along_axis(weights, order, axis=1).cumsum(axis=1)
        total = cumulative[:, -1]
        position = np.argmax(cumulative > 0.5 * total[:, None], axis=1)
        picked = np.take_along_axis(order, position[:, None], axis=1)
        medians = np.take_along_axis(values, picked, axis=1)[:, 0]
        out[y, x] = np.where(total > 0, medians, depth[y, x])
    return out


def windows(array: NDArray[Value], size: int) -> NDArray[Value]:
    """View of the square window around every pixel, (H, W, ..., size, size); borders repeated."""
    radius = size // 2
    padding = [(radius, radius)] * 2 + [(0, 0)] * (array.ndim - 2)
    padded = np.pad(array, padding, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))


def discontinuities(depth: InverseDepth, threshold: float) -> BoolArray:
    """Pixels that differ from one of their four neighbours by more than ``threshold``.

    The outermost rows and columns take over what their inner neighbours are, as in the reference.
    """
    jump = np.zeros(depth.shape, bool)
    down = np.abs(np.diff(depth, axis=0)) > threshold
    right = np.abs(np.diff(depth, axis=1)) > threshold
    jump[:-1] |= down
    jump[1:] |= down
    jump[:, :-1] |= right
    jump[:, 1:] |= right
    if min(depth.shape) < 3:
        return jump
    return np.pad(jump[1:-1, 1:-1], 1, mode="edge")


def bilateral_median(
    depth: InverseDepth, sizes: Sequence[int] = (7, 7, 5, 5, 5), threshold: float = 0.04
) -> InverseDepth:
    """Sparse bilateral median filtering of 3D-Photo-Inpainting.

    Near depth discontinuities, a pixel becomes the median of its window without the discontinuity
    pixels themselves; repeated. The reference's sigma_s and sigma_r play no part in this branch.

    Parameters
    ----------
    depth : (H, W) float32 array
        Inverse depth, finite.
    sizes : sequence of int
        Window of each iteration.
    threshold : float
        Jump between neighbours, in the units of ``depth``.

    Returns
    -------
    (H, W) float32 array

    References
    ----------
    Shih et al., "3D Photography using Context-aware Layered Depth Inpainting", CVPR 2020;
    ``bilateral_filtering.py`` of its code.
    """
    import cv2

    for size in sizes:
        jump = discontinuities(depth, threshold)
        near = cv2.dilate(jump.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
        smooth = windows(~jump, size)

        def weigh(
            y: NDArray[np.intp], x: NDArray[np.intp], smooth: BoolArray = smooth
        ) -> FloatArray:
            return smooth[y, x].reshape(len(y), -1).astype(np.float32)

        depth = windowed_median(depth, near, size, weigh)
    return depth


def guided_median(
    depth: InverseDepth, image: Image, mask: Mask, size: int, sigma: float
) -> InverseDepth:
    """Weighted median around a mask's boundary: alike in colour, and on the same side of the mask.

    Parameters
    ----------
    depth : (H, W) float32 array
        Inverse depth, finite.
    image : (H, W, 3) float32 array
        In [0, 1].
    mask : (H, W) float32 array
        In [0, 1]; a neighbour weighs ``1 - |difference of the masks|``.
    size : int
        Side of the window. Only pixels whose window holds some of both sides are filtered.
    sigma : float
        Of the Gaussian weight in colour, in units of [0, 1].

    Returns
    -------
    (H, W) float32 array

    References
    ----------
    Ma et al., "Constant Time Weighted Median Filtering for Stereo Matching and Beyond", ICCV 2013.
    """
    import cv2

    square = np.ones((size, size), np.uint8)
    near = cv2.dilate(mask, square) - cv2.erode(mask, square) > 0.5
    colours, sides = windows(image, size), windows(mask, size)

    def weigh(y: NDArray[np.intp], x: NDArray[np.intp]) -> FloatArray:
        centre = image[y, x][..., None, None]
        difference = colours[y, x] - centre  # (N, 3, size, size)
        distance = np.einsum("ncij,ncij->nij", difference, difference)
        side = 1 - np.abs(sides[y, x] - mask[y, x][:, None, None])
        weights = side * np.exp(-distance / (2 * sigma**2))
        return np.asarray(weights.reshape(len(y), -1), dtype=np.float32)

    return windowed_median(depth, near, size, weigh)


def guided_filter(values: FloatArray, guide: FloatArray, radius: int, epsilon: float) -> FloatArray:
    """Guided filter with a guide of any number of channels.

    Parameters
    ----------
    values : (H, W) float32 array
        To be filtered.
    guide : (H, W, C) float32 array
        In [0, 1].
    radius : int
        Windows are ``2 * radius + 1`` wide; mirrored at the frame.
    epsilon : float
        Ridge added to the guide's covariance.

    Returns
    -------
    (H, W) float32 array

    References
    ----------
    He, Sun, Tang, "Guided Image Filtering", TPAMI 2013, Eq. 19 to 21.
    """
    import cv2

    def box(array: NDArray[np.floating]) -> NDArray[np.float64]:
        side = 2 * radius + 1
        return np.asarray(
            cv2.boxFilter(array, cv2.CV_64F, (side, side), borderType=cv2.BORDER_REFLECT)
        )

    source = values.astype(np.float64)
    channels = [guide[..., c].astype(np.float64) for c in range(guide.shape[-1])]
    means, mean = [box(channel) for channel in channels], box(source)
    # Covariance of the guide beside that with the values: one augmented system per pixel.
    system = [
        [box(one * other) - m * n for other, n in zip(channels, means, strict=True)]
        for one, m in zip(channels, means, strict=True)
    ]
    for i, row in enumerate(system):
        row[i] += epsilon
        row.append(box(channels[i] * source) - means[i] * mean)
    slopes = _solve(system)
    offset = mean - sum(slope * m for slope, m in zip(slopes, means, strict=True))
    filtered = box(offset)
    for slope, channel in zip(slopes, channels, strict=True):
        filtered += box(slope) * channel
    return filtered.astype(np.float32)


def _solve(system: list[list[NDArray[np.float64]]]) -> list[NDArray[np.float64]]:
    """Solve one positive definite system per pixel by elimination; the last column is given.

    Rows of arrays instead of an array of matrices: numpy solves small matrices one by one.
    """
    size = len(system)
    for k in range(size):
        for i in range(k + 1, size):
            factor = system[i][k] / system[k][k]
            for j in range(k + 1, size + 1):
                system[i][j] = system[i][j] - factor * system[k][j]
    solution: list[NDArray[np.float64]] = []
    for k in reversed(range(size)):
        rest = system[k][size]
        for j, value in enumerate(reversed(solution), start=k + 1):
            rest = rest - system[k][j] * value
        solution.append(rest / system[k][k])
    return solution[::-1]
