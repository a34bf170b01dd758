"""Errors where refinement is hard: holes, hair, the rest of the boundary, and behind the object."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import InverseDepth, Mask

BoolArray = NDArray[np.bool_]
LayerPair = tuple[InverseDepth, InverseDepth]

SOFT = 0.05  # a pixel is hair between this much alpha and 1 - SOFT; the one side alone beyond


@dataclass(frozen=True)
class Regions:
    """Where the errors of one mask are told apart; all arrays are (H, W) bool."""

    holes: BoolArray  # background that the mask encloses
    hair: BoolArray  # near soft pixels of the mask
    band: BoolArray  # near the mask's outline
    rest: BoolArray  # of the band: neither hole, however small, nor hair


@dataclass(frozen=True)
class RegionErrors:
    """Mean absolute errors, in units of the truth scaled to [0, 1]; NaN where not defined."""

    holes: float = math.nan
    hair: float = math.nan
    rest: float = math.nan
    hidden: float = math.nan


def mask_regions(mask: Mask, band: float = 0.03, hair: int = 7, hole: int = 30) -> Regions:
    """Find where a mask is hard to follow.

    Parameters
    ----------
    mask : (H, W) float array
        In [0, 1]; what is above 0.5 is the object's.
    band : float
        Reach of the band around the outline, as a share of the image's long side.
    hair : int
        Side in pixels of the square that widens the soft pixels, those with alpha between 0.05
        and 0.95.
    hole : int
        Holes of no more pixels than this, together, are none.

    Returns
    -------
    Regions
        Holes are 4-connected parts of the background that do not touch the image's frame.

    Notes
    -----
    Not from the paper. The outline are the pixels whose 5x5 square holds both sides of the mask;
    distances to it are those of OpenCV's 5x5 approximation.
    """
    import cv2

    square = np.ones((5, 5), np.uint8)
    binary = (mask > 0.5).astype(np.uint8)
    outline = cv2.morphologyEx(binary, cv2.MORPH_GRADIENT, square)
    distance = cv2.distanceTransform(1 - outline, cv2.DIST_L2, cv2.DIST_MASK_5)
    near = np.asarray(distance < band * max(mask.shape)) & bool(outline.any())
    enclosed = _enclosed(1 - binary)
    holes = enclosed & (np.count_nonzero(enclosed) > hole)
    soft = ((mask > SOFT) & (mask < 1 - SOFT)).astype(np.uint8)
    strands = cv2.dilate(soft, np.ones((hair, hair), np.uint8)).astype(bool)
    return Regions(holes, strands, near, near & ~enclosed & ~strands)


def _enclosed(background: NDArray[np.uint8]) -> BoolArray:
    """Return the parts of the background that do not touch the frame."""
    import cv2

    _, labels = cv2.connectedComponents(background, connectivity=4)
    frame = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return (background > 0) & ~np.isin(labels, frame)


class RegionTruth:
    """Regions and layers of one image, against which any number of maps are scored.

    Parameters
    ----------
    depth : (H, W) float64 array
        The truth, scaled to [0, 1]; NaN where unknown.
    masks : sequence of (H, W) float32 arrays
        In [0, 1].
    layers : tuple of two (H, W) float64 arrays, optional
        True foreground and background of all masks together, scaled as ``depth``; NaN where
        unknown.
    band, hair, hole
        As `mask_regions` takes them.
    """

    def __init__(
        self,
        depth: NDArray[np.float64],
        masks: Sequence[Mask],
        layers: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
        band: float = 0.03,
        hair: int = 7,
        hole: int = 30,
    ) -> None:
        self._depth = depth
        self._regions = [mask_regions(mask, band, hair, hole) for mask in masks]
        self._hidden: list[tuple[NDArray[np.float64], BoolArray]] = []
        if layers is not None and masks:
            union = np.max(np.stack(masks), axis=0)
            near = np.logical_or.reduce([regions.band for regions in self._regions])
            places = near & (union < SOFT), near & (union > 1 - SOFT)
            self._hidden = list(zip(layers, places, strict=True))

    def errors(
        self, aligned: NDArray[np.float64], layers: Sequence[NDArray[np.float64]] | None = None
    ) -> RegionErrors:
        """Mean absolute errors of a map and of its layers.

        Parameters
        ----------
        aligned : (H, W) float64 array
            In the units of the truth; pixels that are not finite do not count.
        layers : sequence of two (H, W) float64 arrays, optional
            Foreground and background, in the same units.

        Returns
        -------
        RegionErrors
            Holes, hair and rest: the mean over the masks that have them. Hidden: the mean of the
            foreground's error where no mask is, and of the background's behind the masks, both
            within the band; NaN where one of the two has no pixel.
        """
        error = np.abs(aligned - self._depth)

        def over(places: Iterable[BoolArray]) -> float:
            return _mean([_mean(error[place]) for place in places])

        hidden = math.nan
        if layers is not None and self._hidden:
            pairs = zip(layers, self._hidden, strict=True)
            sides = [_mean(np.abs(layer - truth)[place]) for layer, (truth, place) in pairs]
            hidden = math.nan if any(map(math.isnan, sides)) else sum(sides) / len(sides)
        return RegionErrors(
            over(regions.holes for regions in self._regions),
            over(regions.hair for regions in self._regions),
            over(regions.rest for regions in self._regions),
            hidden,
        )


def _mean(values: Sequence[float] | NDArray[np.float64]) -> float:
    """Mean of the finite values; NaN without any."""
    array = np.asarray(values, np.float64)
    known = array[np.isfinite(array)]
    return float(known.mean()) if known.size else math.nan
