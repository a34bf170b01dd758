"""Multi-scale normalised completion (push-pull), differentiable in values and weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Smallest weight of a pixel: far below any real one, yet it decides where nothing is known.
WEIGHT_FLOOR = 1e-9


def push_pull(values: Tensor, weights: Tensor) -> Tensor:
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

    Returns
    -------
    Tensor
        (B, C, H, W), float32. A convex combination of ``values``: never outside their range.
    """
    with torch.autocast(values.device.type, enabled=False):
        level_values, level_weights = values.float(), weights.float().clamp(WEIGHT_FLOOR, 1)
        pyramid = []
        while max(level_values.shape[-2:]) > 1:
            pyramid.append((level_values, level_weights))
            pooled = _pool(level_weights)
            level_values = _pool(level_values * level_weights) / pooled
            level_weights = (4 * pooled).clamp(max=1)
        filled = level_values
        for level_values, level_weights in reversed(pyramid):
            coarse = functional.interpolate(
                filled, size=level_values.shape[-2:], mode="bilinear", align_corners=False
            )
            filled = torch.lerp(coarse, level_values, level_weights.expand_as(level_values))
        return filled


def _pool(values: Tensor) -> Tensor:
    return functional.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)
