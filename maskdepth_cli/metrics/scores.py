"""All metrics of one image; what depends on the ground truth alone is worked out once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import UsageError
from maskdepth_cli.metrics.alignment import align, fit_scale_shift, normalise_truth
from maskdepth_cli.metrics.boundaries import depth_edges, edge_errors, mask_boundary_error
from maskdepth_cli.metrics.errors import refinement_counts, rmse
from maskdepth_cli.metrics.occlusion import boundary_f1, mask_recalls
from maskdepth_cli.metrics.ordinal import whdr
from maskdepth_cli.metrics.regions import LayerPair, RegionErrors, RegionTruth
from maskdepth_cli.types import Mask


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
    region_band: float = 0.03  # reach around a mask's outline, as a share of the long side
    hair_width: int = 7  # side in pixels of the square that widens soft pixels of a mask
    hole_pixels: int = 30  # holes of no more pixels than this, together, are none


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
    holes: float = math.nan  # mean absolute errors, see `maskdepth_cli.metrics.regions`
    hair: float = math.nan
    rest: float = math.nan
    hidden: float = math.nan
    flicker: float = math.nan  # temporal change of the error, of the frames of a clip
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
    mattes : sequence of (H, W) float32 arrays
        Masks in [0, 1] whose holes, hair and outlines are scored by themselves; of instance maps,
        which have no hair and whose holes are other instances, none.
    layers : tuple of two (H, W) arrays, optional
        True foreground and background of the mattes, in the unit of ``depth``; NaN where unknown.
    """

    def __init__(
        self,
        depth: NDArray[np.floating],
        valid: NDArray[np.bool_],
        masks: Sequence[NDArray[np.bool_]],
        settings: MetricSettings = MetricSettings(),
        mattes: Sequence[Mask] = (),
        layers: LayerPair | None = None,
    ) -> None:
        self.settings = settings
        self.valid = valid & np.isfinite(depth)
        self.depth = normalise_truth(depth, self.valid)
        self.masks = list(masks)
        known = depth[self.valid].astype(np.float64)
        self._range = float(known.min()), float(known.max())
        self._edges = self._depth_edges(self.depth, self.valid)
        sizes = settings.region_band, settings.hair_width, settings.hole_pixels
        scaled = None if layers is None else (self._scaled(layers[0]), self._scaled(layers[1]))
        self._regions = RegionTruth(self.depth, mattes, scaled, *sizes) if mattes else None

    def _scaled(self, depth: NDArray[np.floating]) -> NDArray[np.float64]:
        """Bring inverse depth in the truth's unit to [0, 1], as the truth itself."""
        low, high = self._range
        return (depth.astype(np.float64) - low) / ((high - low) or 1)

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
        self,
        prediction: NDArray[np.floating],
        initial: NDArray[np.floating] | None = None,
        layers: LayerPair | None = None,
    ) -> Scores:
        """All metrics of a prediction.

        Parameters
        ----------
        prediction : (H, W) array
            Inverse depth up to scale and shift; pixels that are not finite do not count.
        initial : (H, W) array, optional
            What the prediction was refined from, for R3 and for the errors by region, which take
            the prediction to be on its scale; itself by default.
        layers : tuple of two (H, W) arrays, optional
            Foreground and background that the prediction was composited from.

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
            **asdict(self._region_errors(prediction, initial, layers)),
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

    def _region_errors(
        self,
        prediction: NDArray[np.floating],
        initial: NDArray[np.floating] | None,
        layers: LayerPair | None,
    ) -> RegionErrors:
        """Errors by region, of maps brought to the truth by the fit of the initial one."""
        if self._regions is None:
            return RegionErrors()
        first = prediction if initial is None else initial
        valid = self.valid & np.isfinite(first)
        if not valid.any():
            return RegionErrors()
        scale, shift = fit_scale_shift(first, self.depth, valid)
        aligned = [
            scale * depth.astype(np.float64) + shift for depth in (prediction, *(layers or ()))
        ]
        return self._regions.errors(aligned[0], aligned[1:] or None)

    def _depth_edges(
        self, depth: NDArray[np.float64], valid: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        chosen = self.settings
        return depth_edges(depth, valid, chosen.canny_sigma, chosen.canny_low, chosen.canny_high)
