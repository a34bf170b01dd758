"""The compared methods (paper section 4.4), interchangeable with `Refiner`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from maskdepth_cli.arrays import as_image
from maskdepth_cli.choices import MergeRule
from maskdepth_cli.engine.inputs import as_depth, as_mask, as_photo, check_mask, check_sizes
from maskdepth_cli.engine.instances import instance_masks, merge_instances
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.methods.fills import fill_nearest, fill_telea
from maskdepth_cli.methods.filters import bilateral_median, guided_filter, guided_median
from maskdepth_cli.types import Image, InstanceMap, InverseDepth, Mask

# A layer is completed from pixels whose whole kernel belongs to it, up to this much alpha.
CERTAIN = 0.05


@dataclass(frozen=True)
class Baseline(ABC):
    """A method without a network: what `refine` and `refine_instances` have in common.

    Parameters
    ----------
    min_instance_share : float, optional
        Instances and masks that cover less are left out, see `instance_masks`.
    merge : {"largest", "own"}
        How several masks are merged; `largest` is how the paper compares these methods.
    """

    layered: ClassVar[bool] = False  # whether foreground and background differ

    min_instance_share: float | None = field(default=None, kw_only=True)
    merge: MergeRule = field(default="largest", kw_only=True)

    def refine(self, image: Image, depth: InverseDepth, mask: Mask) -> RefinedDepth:
        """Refine with one mask.

        Parameters
        ----------
        image : Image
            (H, W, 3) in [0, 1].
        depth : InverseDepth
            (H, W) in any units. NaN and infinite pixels stay and do not influence others.
        mask : Mask
            (H, W) in [0, 1].

        Returns
        -------
        RefinedDepth
            An empty or full mask, or a constant depth, gives the input back.

        Raises
        ------
        ArrayError
            A shape, a type or a value is none of these, or the sizes differ.
        """
        image, depth, mask = as_image(as_photo(image)), as_depth(depth), as_mask(mask)
        check_sizes(image, depth)
        check_mask(depth, mask)
        known = np.isfinite(depth)
        if mask.max() <= 0 or mask.min() >= 1 or not known.any() or np.ptp(depth[known]) == 0:
            return RefinedDepth.unchanged(depth, mask)
        foreground, background = self._layers(image, fill_nearest(depth, known), mask)
        refined = np.where(known, mask * foreground + (1 - mask) * background, depth)
        return RefinedDepth(
            refined,
            np.where(known, foreground, depth),
            np.where(known, background, depth),
            mask,
            known & (refined != depth),
        )

    def refine_instances(
        self, image: Image, depth: InverseDepth, instances: InstanceMap | Sequence[Mask]
    ) -> RefinedDepth:
        """Refine with every instance above ``min_instance_share``; see `RefinementMethod`."""
        depth = as_depth(depth)
        masks = instance_masks(instances, self.min_instance_share)
        results = (self.refine(image, depth, mask) for mask in masks)
        return merge_instances(depth, results, self.merge)

    @abstractmethod
    def _layers(
        self, image: Image, depth: InverseDepth, mask: Mask
    ) -> tuple[InverseDepth, InverseDepth]:
        """Foreground and background of a depth map without gaps; the same twice if no layers."""


@dataclass(frozen=True)
class LayeredPropagation(Baseline):
    """Each layer completed classically from its side of the mask's boundary.

    Parameters
    ----------
    fill : {"telea", "nearest"}
        Telea's inpainting (the paper's layered-propagation), or the nearest value.
    kernel : int
        Side of the square that dilates the mask for the background and erodes it for the
        foreground: what lies in between is completed in both. 5 in the paper.
    radius : float
        Of Telea's neighbourhood, in pixels.
    """

    layered: ClassVar[bool] = True

    fill: Literal["telea", "nearest"] = "telea"
    kernel: int = 5
    radius: float = 5

    def _layers(
        self, image: Image, depth: InverseDepth, mask: Mask
    ) -> tuple[InverseDepth, InverseDepth]:
        import cv2

        square = np.ones((self.kernel, self.kernel), np.uint8)
        inside = cv2.erode(mask, square) >= 1 - CERTAIN
        outside = cv2.dilate(mask, square) <= CERTAIN
        if self.fill == "nearest":
            return fill_nearest(depth, inside), fill_nearest(depth, outside)
        return fill_telea(depth, inside, self.radius), fill_telea(depth, outside, self.radius)


@dataclass(frozen=True)
class BilateralMedian(Baseline):
    """Bilateral median filtering of 3D-Photo-Inpainting; it knows no mask.

    Parameters
    ----------
    sizes : tuple of int
        Window of each iteration.
    threshold : float
        Jump between neighbours that is a discontinuity, as a share of the map's range.
    """

    sizes: tuple[int, ...] = (7, 7, 5, 5, 5)
    threshold: float = 0.04

    def refine_instances(
        self, image: Image, depth: InverseDepth, instances: InstanceMap | Sequence[Mask]
    ) -> RefinedDepth:
        """Filter once, whatever the instances; the mask of the result covers the image."""
        depth = as_depth(depth)
        known = np.isfinite(depth)
        whole = np.ones(depth.shape, np.float32)
        if not known.any():
            return RefinedDepth.unchanged(depth, whole)
        filtered = np.where(known, self._filter(fill_nearest(depth, known)), depth)
        changed = known & (filtered != depth)
        return RefinedDepth(filtered, filtered.copy(), filtered.copy(), whole, changed)

    def _layers(
        self, image: Image, depth: InverseDepth, mask: Mask
    ) -> tuple[InverseDepth, InverseDepth]:
        filtered = self._filter(depth)
        return filtered, filtered

    def _filter(self, depth: InverseDepth) -> InverseDepth:
        return bilateral_median(depth, self.sizes, self.threshold * float(np.ptp(depth)))


@dataclass(frozen=True)
class GuidedFilter(Baseline):
    """Guided filter of the depth by colour and mask together.

    Parameters
    ----------
    radius : int
        Of the window, in pixels.
    epsilon : float
        Ridge; the guide's channels lie in [0, 1].
    """

    radius: int = 8
    epsilon: float = 1e-3

    def _layers(
        self, image: Image, depth: InverseDepth, mask: Mask
    ) -> tuple[InverseDepth, InverseDepth]:
        guide = np.dstack([image, mask])
        filtered = guided_filter(depth, guide, self.radius, self.epsilon)
        return filtered, filtered


@dataclass(frozen=True)
class WeightedMedian(Baseline):
    """Weighted median around the mask's boundary, by colour and by side of the mask.

    Parameters
    ----------
    kernel : int
        Side of the window.
    sigma : float
        Of the weight in colour, in units of [0, 1].
    """

    kernel: int = 11
    sigma: float = 0.1

    def _layers(
        self, image: Image, depth: InverseDepth, mask: Mask
    ) -> tuple[InverseDepth, InverseDepth]:
        filtered = guided_median(depth, image, mask, self.kernel, self.sigma)
        return filtered, filtered
