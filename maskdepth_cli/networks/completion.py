"""Multi-scale normalised completion (push-pull), differentiable in values and weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Smallest weight of a pixel: far below any real one, yet it decides where nothing is known.
WEIGHT_FLOOR = 1e-9
ANCHOR_LEVEL = 4  # cells of 16 pixels
ANCHOR_WEIGHT = 0.01


def push_pull(values: Tensor, weights: Tensor, region: Tensor | None = None) -> Tensor:
    """Fill a map from its weighted pixels: weighted averages going down, fill going up.

    At every level the weighted mean of 2x2 pixels passes down with the saturated sum of their
    weights; on the way up a pixel of weight ``w`` keeps ``w`` of its own value and takes the rest
    from the coarser level. A pixel of weight 1 keeps its value; one of weight 0 is interpolated
    from its nearest known surroundings. Gortler et al., "The Lumigraph", 1996, section 3.6.3.

    Parameters
    ----------
    values : Tensor
        (B, C, H, W), finite.
    weights : Tensor
        (B, 1, H, W) in [0, 1]. Where an item has no weight at all, its plain mean fills it.
    region : Tensor, optional
        (B, 1, H, W) in [0, 1]: pixels whose values are plausible even where their weight is
        small. Cells of 16 pixels with hardly any weight fall back to the mean of their region,
        so that a few weighty pixels do not fill what is far away from them.

    Returns
    -------
    Tensor
        (B, C, H, W), float32. A convex combination of ``values``: never outside their range.
    """
    with torch.autocast(values.device.type, enabled=False):
        level = values.float(), weights.float().clamp(WEIGHT_FLOOR, 1.0)
        plain = None if region is None else (level[0], region.float().clamp(WEIGHT_FLOOR, 1.0))
        pyramid: list[tuple[Tensor, Tensor]] = []
        while max(level[0].shape[-2:]) > 1:
            if plain is not None and len(pyramid) == ANCHOR_LEVEL:
                level = _anchor(level, plain)
            pyramid.append(level)
            level = _push(*level)
            if plain is not None and len(pyramid) <= ANCHOR_LEVEL:
                plain = _push(*plain)
        filled = level[0]
        for level_values, level_weights in reversed(pyramid):
            coarse = functional.interpolate(
                filled, size=level_values.shape[-2:], mode="bilinear", align_corners=False
            )
            filled = torch.lerp(coarse, level_values, level_weights.expand_as(level_values))
        return filled


def _push(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Next coarser level: weighted means, and saturated sums of the weights."""
    pooled = _pool(weights)
    return _pool(values * weights) / pooled, (4 * pooled).clamp(max=1.0)


def _anchor(level: tuple[Tensor, Tensor], plain: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Give the region's plain means a small say at this level."""
    (values, weights), (means, region) = level, plain
    total = weights + ANCHOR_WEIGHT * region
    share = (weights / total).expand_as(values)
    return torch.lerp(means, values, share), total.clamp(max=1.0)


def _pool(values: Tensor) -> Tensor:
    return functional.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)
