"""Canny edges as scikit-image finds them, vectorised, without scikit-image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.extras import extra

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


def canny(
    image: NDArray[np.floating],
    sigma: float,
    low: float,
    high: float,
    valid: BoolArray | None = None,
) -> BoolArray:
    """Thin edges of an image, linked by hysteresis.

    Gives what ``skimage.feature.canny(image, sigma, low, high, mask=valid)`` gives in double
    precision; the tests compare the two.

    Parameters
    ----------
    image : (H, W) array
        Grey values; thresholds refer to their range.
    sigma : float
        Standard deviation in pixels of the smoothing.
    low, high : float
        Hysteresis thresholds on the Sobel magnitude (scaled to the slope of a ramp).
    valid : (H, W) bool array, optional
        Invalid pixels do not bleed into the smoothing and carry no edges, nor do their neighbours.

    Returns
    -------
    (H, W) bool array

    References
    ----------
    Canny, "A Computational Approach To Edge Detection", TPAMI 1986; scikit-image,
    ``skimage/feature/_canny.py``.
    """
    ndimage = extra("scipy.ndimage", "evaluate", "the boundary metric")

    smoothed, inner = _smooth(image, sigma, valid)
    down = ndimage.sobel(smoothed, axis=0)
    right = ndimage.sobel(smoothed, axis=1)
    magnitude = np.sqrt(down * down + right * right)
    ridge = _thin(down, right, magnitude, inner & (magnitude >= low))
    labels, count = ndimage.label(ridge, np.ones((3, 3), bool))
    linked = np.zeros(count + 1, bool)
    linked[labels[ridge & (magnitude >= high)]] = True
    return np.asarray(linked[labels])


def _smooth(
    image: NDArray[np.floating], sigma: float, valid: BoolArray | None
) -> tuple[FloatArray, BoolArray]:
    """Smooth without what is invalid or outside; the second array is where edges may lie."""
    ndimage = extra("scipy.ndimage", "evaluate", "the boundary metric")

    known = np.ones(image.shape, bool) if valid is None else valid
    values = np.where(known, image, 0.0).astype(np.float64)

    def blur(array: FloatArray) -> FloatArray:
        return np.asarray(ndimage.gaussian_filter(array, sigma, mode="constant", truncate=4.0))

    weight = blur(known.astype(np.float64)) + np.finfo(np.float64).eps
    inner = ndimage.binary_erosion(known, np.ones((3, 3), bool), border_value=0)
    return blur(values) / weight, inner


def _thin(
    down: FloatArray, right: FloatArray, magnitude: FloatArray, candidates: BoolArray
) -> BoolArray:
    """Keep the candidates that are not below either neighbour along the gradient (interpolated)."""
    y, x = np.nonzero(candidates)
    slope_y, slope_x, centre = down[y, x], right[y, x], magnitude[y, x]
    size_y, size_x = np.abs(slope_y), np.abs(slope_x)
    same_sign = ((slope_y >= 0) & (slope_x >= 0)) | ((slope_y <= 0) & (slope_x <= 0))
    # On an exact diagonal of opposite signs scikit-image goes by rows, of equal signs by columns.
    steep = np.where(same_sign, size_y > size_x, size_y >= size_x)
    largest = np.maximum(size_y, size_x)
    weight = np.minimum(size_y, size_x) / np.where(largest > 0, largest, 1.0)
    sign = np.where(same_sign, 1, -1)
    straight_y, straight_x = np.where(steep, sign, 0), np.where(steep, 0, 1)

    def along(direction: int) -> FloatArray:
        diagonal = magnitude[y + direction * sign, x + direction]
        straight = magnitude[y + direction * straight_y, x + direction * straight_x]
        return np.asarray(diagonal * weight + straight * (1.0 - weight))

    ridge = np.zeros(candidates.shape, bool)
    ridge[y, x] = (along(1) <= centre) & (along(-1) <= centre)
    return ridge
