"""Ground truth to [0, 1], predictions to the ground truth: what every metric starts from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def normalise_truth(truth: NDArray[np.floating], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Scale the true inverse depth to [0, 1] by its valid minimum and maximum.

    Parameters
    ----------
    truth : (H, W) array
        True inverse depth in any unit; larger is nearer.
    valid : (H, W) bool array
        Where ``truth`` is known.

    Returns
    -------
    (H, W) float64 array
        In [0, 1] on valid pixels, NaN elsewhere; all 0 for a constant map.

    Raises
    ------
    ValueError
        When no pixel is valid.
    """
    if not valid.any():
        raise ValueError("no valid pixel in the true depth")
    known = truth[valid].astype(np.float64)
    low, high = known.min(), known.max()
    normalised = np.full(truth.shape, np.nan)
    normalised[valid] = (known - low) / (high - low) if high > low else 0.0
    return normalised


def fit_scale_shift(
    prediction: NDArray[np.floating], truth: NDArray[np.floating], valid: NDArray[np.bool_]
) -> tuple[float, float]:
    """Least-squares scale and shift that take a prediction to the ground truth.

    Parameters
    ----------
    prediction, truth : (H, W) arrays
        Inverse depth.
    valid : (H, W) bool array
        The pixels of the fit; both arrays are finite there.

    Returns
    -------
    tuple of float
        ``(scale, shift)`` minimising ``|scale * prediction + shift - truth|^2``. A constant
        prediction gives scale 0 and the mean of the ground truth.

    Notes
    -----
    Section 4.3 of the paper: "scaled and shifted by least squares". The scale is not forced to be
    positive: a reversed prediction (depth instead of inverse depth) is fitted, not punished.
    """
    known = prediction[valid].astype(np.float64)
    target = truth[valid].astype(np.float64)
    mean, target_mean = known.mean(), target.mean()
    centred = known - mean
    variance = float(centred @ centred)
    # Rounding of a constant map leaves a variance of about (eps * value)^2 a pixel.
    if variance <= len(known) * (1e-7 * abs(mean)) ** 2:
        return 0.0, float(target_mean)
    scale = float(centred @ (target - target_mean)) / variance
    return scale, float(target_mean - scale * mean)


def align(
    prediction: NDArray[np.floating], truth: NDArray[np.floating], valid: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Scale and shift a prediction to the ground truth by least squares over valid pixels.

    Parameters are those of `fit_scale_shift`.

    Returns
    -------
    (H, W) float64 array
        The aligned prediction; not clipped.
    """
    scale, shift = fit_scale_shift(prediction, truth, valid)
    return scale * prediction.astype(np.float64) + shift
