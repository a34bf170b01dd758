"""Comparisons: depth maps of one photo side by side, with what changed or what came nearer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskdepth_cli.types import Image, InstanceMap, InverseDepth, Mask
from maskdepth_cli.viewing.close_ups import close_ups
from maskdepth_cli.viewing.colors import COLORMAPS, depth_range
from maskdepth_cli.viewing.panels import (
    CHANGE,
    Column,
    Picture,
    change_column,
    depth_column,
    mask_column,
    panel,
    photo_column,
)

SPAN = 0.25  # change of the absolute error, in the truth's units, that gets the full colour


def comparison_panel(
    image: Image,
    before: tuple[str, InverseDepth],
    afters: Sequence[tuple[str, InverseDepth]],
    *,
    mask: Mask | InstanceMap | None = None,
    truth: InverseDepth | None = None,
    crops: int = 1,
    colormap: str = COLORMAPS[0],
) -> Picture:
    """Show photo, mask, truth, one depth map, and others each with its difference to that one.

    All maps share one range of colours: the truth's, or without one the widest of theirs. The
    difference to the truth is the relative improvement of the paper's Fig. 6.

    Parameters
    ----------
    image
        Photo (H, W, 3) in [0, 1].
    before
        Caption and inverse depth (H, W).
    afters
        The same of the others; in the units of `before`.
    mask
        Mask (H, W) in [0, 1], or ids (H, W).
    truth
        True inverse depth (H, W), scaled to [0, 1]; NaN where unknown. The maps are aligned to it.
    crops
        How many close-ups at most, see `panels.close_ups`.
    colormap
        One of `colors.COLORMAPS`.

    Returns
    -------
    ndarray
        RGB (H', W', 3), uint8. With a truth: blue where a map is nearer to it than `before`, red
        where it is farther. Without: red where it moved nearer to the camera, blue farther.
    """
    name, first = before
    others = [after for _, after in afters]
    low, high = depth_range(first, *others) if truth is None else depth_range(truth)
    columns = [photo_column(image)]
    if mask is not None:
        columns.append(mask_column(mask))
    if truth is not None:
        columns.append(depth_column("true depth", truth, low, high, colormap))
    columns.append(depth_column(name, first, low, high, colormap))
    for caption, after in afters:
        columns.append(depth_column(caption, after, low, high, colormap))
        if truth is None:
            columns.append(change_column(CHANGE, first, after, (high - low) / 2, image))
        else:
            columns.append(_improvement_column(image, truth, first, after))
    windows = close_ups(first, others, crops)
    return panel(columns, (image.shape[1], image.shape[0]), windows)


def _improvement_column(
    image: Image, truth: InverseDepth, before: InverseDepth, after: InverseDepth
) -> Column:
    with np.errstate(invalid="ignore"):
        errors = np.abs(before - truth), np.abs(after - truth)
    return change_column("blue: better, red: worse", *errors, SPAN, image)
