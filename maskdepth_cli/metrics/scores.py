"""All metrics of one image; what depends on the ground truth alone is worked out once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import UsageError
from maskdepth_cli.metrics.alignment import align, normalise_truth
from maskdepth_cli.metrics.boundaries import depth_edges, edge_errors, mask_boundary_error
from maskdepth_cli.metrics.errors import refinement_counts, rmse
from maskdepth_cli.metrics.occlusion import boundary_f1, mask_recalls
from maskdepth_cli.metrics.ordinal import whdr


@dataclass(frozen=True)
class MetricSettings:
    """Every decision of the metrics; the defaults are the paper's, or ours where it is silent."""

    r3_threshold: float = 0.05  # t, in units of the ground truth scaled to [0, 1]
    mbe_dilation: int = 5  # kernel side in pixels
    mbe_erosion: int = 5
    canny_sigma: float = 2**0.5  # iBims-1
    canny_low: float = 0.15
    canny_high: float = 0.3
    edge_distance: float = 10.0  # pixels
    whdr_pairs: int = 10_000
    whdr_tau: float = 0.0
    whdr_seed: int = 0
    # Inverse depths below this share of the largest count as infinitely far in the ratios of
    # Depth Pro's metrics: in a sky, the ratio of two tiny numbers is no contour.
    contour_floor: float = 0.01


def parse_settings(texts: Sequence[str]) -> MetricSettings:
    """Read decisions from ``NAME=VALUE``.

    Raises
    ------
    UsageError
        An unknown name, or no number.
    """
    kinds = {name: type(value) for name, value in asdict(MetricSettings()).items()}
    values: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in kinds:
            raise UsageError(f"no setting {name!r} of the metrics; there are {', '.join(kinds)}")
        try:
            values[name] = kinds[name](value)
        except ValueError as error:
            raise UsageError(f"{text}: {kinds[name].__name__} expected") from error
    return MetricSettings(**values)


@dataclass(frozen=True)
class Scores:
    """The metrics of one prediction; NaN where a metric is not defined for the image."""

    improved: int = 0  # pixels, the numerator of R3
    worsened: int = 0  # pixels, its denominator
    mbe: float = math.nan
    eps_acc: float = math.nan  # pixels
    eps_comp: float = math.nan  # pixels
    whdr: float = math.nan
    rmse: float = math.nan
    boundary_f1: float = math.nan
    mask_recall: float = math.nan
    pixels: int = 0  # valid pixels that counted


class GroundTruth:
    """The truth of one image, against which any number of predictions are scored.

    Parameters
    ----------
    depth : (H, W) array
        True inverse depth in any unit.
    valid : (H, W) bool array
        Where it is known.
    masks : sequence of (H, W) bool arrays
        The instances of MBE and of the mask recall.
    settings : MetricSettings
    """

    def __init__(
        self,
        depth: NDArray[np.floating],
        valid: NDArray[np.bool_],
        masks: Sequence[NDArray[np.bool_]],
        settings: MetricSettings = MetricSettings(),
    ) -> None:
        self.settings = settings
        self.valid = valid & np.isfinite(depth)
        self.depth = normalise_truth(depth, self.valid)
        self.masks = list(masks)
        known = depth[self.valid].astype(np.float64)
        self._range = float(known.min()), float(known.max())
        self._edges = self._depth_edges(self.depth, self.valid)

    def align(self, prediction: NDArray[np.floating]) -> NDArray[np.float64]:
        """Fit a prediction to the truth by least squares; NaN where it is not finite.

        Returns
        -------
        (H, W) float64 array
            In the units of the truth scaled to [0, 1].
        """
        finite = np.isfinite(prediction)
        if not (finite & self.valid).any():
            return np.full(prediction.shape, np.nan)
        aligned = align(np.where(finite, prediction, 0.0), self.depth, self.valid & finite)
        return np.where(finite, aligned, np.nan)

    def score(
        self, prediction: NDArray[np.floating], initial: NDArray[np.floating] | None = None
    ) -> Scores:
        """All metrics of a prediction.

        Parameters
        ----------
        prediction : (H, W) array
            Inverse depth up to scale and shift; pixels that are not finite do not count.
        initial : (H, W) array, optional
            What the prediction was refined from, for R3; itself by default.

        Returns
        -------
        Scores
        """
        chosen = self.settings
        aligned = self.align(prediction)
        valid = self.valid & np.isfinite(aligned)
        if not valid.any():
            return Scores()
        counts = self._counts(aligned, initial, valid)
        edges = edge_errors(
            self._depth_edges(aligned, valid), self._edges & valid, chosen.edge_distance
        )
        low, high = self._range
        # Back in the units of the truth: ratios of inverse depths need their true zero.
        metric = aligned * (high - low) + low
        floor = chosen.contour_floor * high
        recalls = mask_recalls(metric, self.masks, valid, floor) if self.masks else [math.nan]
        return Scores(
            *counts,
            mbe=mask_boundary_error(
                aligned, self.depth, valid, self.masks, chosen.mbe_dilation, chosen.mbe_erosion
            ),
            eps_acc=edges.accuracy,
            eps_comp=edges.completeness,
            whdr=whdr(
                aligned, self.depth, valid, chosen.whdr_pairs, chosen.whdr_tau, chosen.whdr_seed
            ),
            rmse=rmse(aligned, self.depth, valid),
            boundary_f1=boundary_f1(metric, self.depth * (high - low) + low, valid, floor),
            mask_recall=float(np.mean(recalls)),
            pixels=int(valid.sum()),
        )

    def _counts(
        self,
        aligned: NDArray[np.float64],
        initial: NDArray[np.floating] | None,
        valid: NDArray[np.bool_],
    ) -> tuple[int, int]:
        if initial is None:
            return 0, 0
        before = self.align(initial)
        both = valid & np.isfinite(before)
        return refinement_counts(aligned, before, self.depth, both, self.settings.r3_threshold)

    def _depth_edges(
        self, depth: NDArray[np.float64], valid: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        chosen = self.settings
        return depth_edges(depth, valid, chosen.canny_sigma, chosen.canny_low, chosen.canny_high)
