"""Relative improvement maps: where a refinement brought depth nearer to the truth (Fig. 6)."""

from __future__ import annotations

import numpy as np

from maskdepth_cli.types import Image, InverseDepth
from maskdepth_cli.viewing.colors import color_change, color_depth
from maskdepth_cli.viewing.panels import Picture, _bytes, _fit, _stack

SPAN = 0.25  # change of the absolute error that gets the full colour


def improvement_panel(
    image: Image, truth: InverseDepth, initial: InverseDepth, refined: InverseDepth
) -> Picture:
    """Show photo, true, initial and refined depth, and where the error fell or grew.

    Parameters
    ----------
    image
        Photo (H, W, 3) in [0, 1].
    truth
        True inverse depth (H, W) in [0, 1]; NaN where unknown.
    initial, refined
        Aligned to it (H, W).

    Returns
    -------
    ndarray
        RGB (H', W', 3), uint8. Blue: the refined depth is nearer to the truth; red: farther.
    """
    photo = _bytes(_fit(image))
    maps = [
        _fit(np.where(np.isfinite(d), d, np.float32(np.nan))) for d in (truth, initial, refined)
    ]
    errors = [np.abs(depth - maps[0]) for depth in maps[1:]]
    tiles = [photo, *(color_depth(depth, 0, 1) for depth in maps)]
    tiles.append(color_change(errors[0], errors[1], SPAN, photo))
    captions = ("photo", "true depth", "initial depth", "refined depth", "blue: better, red: worse")
    return _stack(captions, [tiles])
