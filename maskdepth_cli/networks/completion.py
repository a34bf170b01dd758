"""Multi-scale completion of maps from weighted pixels, differentiable in values and weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Smallest weight of a pixel: far below any real one, yet it decides where nothing is known.
WEIGHT_FLOOR = 1e-9
ANCHOR_LEVEL = 4  # cells of 16 pixels
ANCHOR_WEIGHT = 0.01
STEEPEST = 4.0  # slope of a plane, in units of depth per long side of the map
FADE = 0.6  # of the closeness, from one level to the next finer one
DEGENERATE = 0.01  # smallest determinant, of the product of the variances


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
        level = channels_last(values), channels_last(weights).clamp(WEIGHT_FLOOR, 1.0)
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
            coarse = _resized(filled, level_values)
            filled = torch.lerp(coarse, level_values, level_weights.expand_as(level_values))
        return filled


def complete_planes(values: Tensor, weights: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """Fill maps from their weighted pixels as `push_pull`, with a plane in place of every mean.

    Inverse depth of a plane in space is linear in the image, so floors and walls go on behind what
    stands before them. Every cell of the pyramid has the plane of the pixels in its 3x3 cells by
    weighted least squares, its slope held back by a ridge.

    Parameters
    ----------
    values : Tensor
        (B, K, H, W), finite; K maps that are filled each by itself.
    weights : Tensor
        (B, K, H, W), 0 or more; 1 and above keep a pixel's value.
    ridge : Tensor
        (K,), above 0, in squared cells: the larger, the flatter.

    Returns
    -------
    tuple of Tensor
        (B, K, H, W) float32, the filled maps, unbounded; and how close to known pixels they are,
        1 on them, falling by 0.6 with every level of the pyramid that they come from.
    """
    with torch.autocast(values.device.type, enabled=False):
        values, weights = channels_last(values), channels_last(weights).clamp(min=WEIGHT_FLOOR)
        maps, height, width = weights.shape[1:]
        cell = 1.0 / max(height, width)  # side of a cell, of the map's long side
        y = ((torch.arange(height, device=values.device) + 0.5) * cell).view(1, 1, height, 1)
        x = ((torch.arange(width, device=values.device) + 0.5) * cell).view(1, 1, 1, width)
        coordinates = (x, y, values, x * x, x * y, y * y, x * values, y * values)
        moments = torch.cat([weights, *(weights * c for c in coordinates)], dim=1)
        flat = torch.zeros_like(weights)
        planes = torch.cat([values, flat, flat, torch.ones_like(flat)], dim=1)
        saturated = weights.clamp(max=1)
        pyramid = [(planes, saturated)]
        while max(moments.shape[-2:]) > 1:
            moments, cell = sum_cells(moments), 2 * cell
            pyramid.append(_planes(moments.unflatten(1, (9, maps)), ridge * cell**2))
        filled = pyramid.pop()[0]
        fade = filled.new_tensor([1, 1, 1, FADE]).repeat_interleave(maps).view(1, -1, 1, 1)
        for planes, saturated in reversed(pyramid[1:]):
            filled = torch.lerp(
                _resized(filled, planes) * fade, planes, saturated.repeat(1, 4, 1, 1)
            )
        if not pyramid:
            return values, torch.ones_like(weights)
        base, slope_x, slope_y, close = (
            (_resized(filled, weights) * fade).unflatten(1, (4, maps)).unbind(1)
        )
        saturated = pyramid[0][1]
        plane = base + slope_x * x + slope_y * y
        return torch.lerp(plane, values, saturated), close.lerp(torch.ones_like(close), saturated)


def _planes(moments: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """Return (B, 4K, H, W) planes of the cells: height at 0, two slopes, 1; and their weights.

    Parameters
    ----------
    moments : Tensor
        (B, 9, K, H, W) sums over each cell of w and w times x, y, d, xx, xy, yy, xd, yd.
    ridge : Tensor
        (K,) added to the variances.
    """
    weight, x, y, value = moments[:, :4].unbind(1)
    count = moments.shape[1] * moments.shape[2]
    # On CPUs pooling takes up to twenty times as long.
    ones = moments.new_ones(count, 1, 3, 3)
    around = functional.conv2d(moments.flatten(1, 2), ones, padding=1, groups=count)
    sums = around.unflatten(1, moments.shape[1:3])
    mean_x, mean_y, mean, xx, xy, yy, xd, yd = (sums[:, 1:] / sums[:, :1]).unbind(1)
    held = ridge.view(1, -1, 1, 1)
    across = (xx - mean_x * mean_x).clamp(min=0) + held
    down = (yy - mean_y * mean_y).clamp(min=0) + held
    mixed = xy - mean_x * mean_y
    along_x, along_y = xd - mean_x * mean, yd - mean_y * mean
    determinant = torch.maximum(across * down - mixed * mixed, DEGENERATE * across * down)
    slope_x = ((down * along_x - mixed * along_y) / determinant).clamp(-STEEPEST, STEEPEST)
    slope_y = ((across * along_y - mixed * along_x) / determinant).clamp(-STEEPEST, STEEPEST)
    base = (value - slope_x * x - slope_y * y) / weight
    saturated = weight.clamp(max=1)
    return torch.cat([base, slope_x, slope_y, torch.ones_like(base)], dim=1), saturated


def sum_cells(values: Tensor) -> Tensor:
    """Sum cells of 2x2 pixels of (B, C, H, W); those at odd borders have fewer."""
    height, width = values.shape[-2:]
    if height % 2 or width % 2:
        values = functional.pad(values, (0, width % 2, 0, height % 2))
    rows = values[..., ::2, :] + values[..., 1::2, :]
    return rows[..., ::2] + rows[..., 1::2]


def channels_last(x: Tensor) -> Tensor:
    """Return (B, C, H, W) as float32 with the channels of a pixel beside each other."""
    return x.float().contiguous(memory_format=torch.channels_last)


def _push(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Next coarser level: weighted means, and saturated sums of the weights."""
    total = sum_cells(weights)
    return sum_cells(values * weights) / total, total.clamp(max=1.0)


def _anchor(level: tuple[Tensor, Tensor], plain: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Give the region's plain means a small say at this level."""
    (values, weights), (means, region) = level, plain
    total = weights + ANCHOR_WEIGHT * region
    share = (weights / total).expand_as(values)
    return torch.lerp(means, values, share), total.clamp(max=1.0)


def _resized(values: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(
        values, size=like.shape[-2:], mode="bilinear", align_corners=False
    )
