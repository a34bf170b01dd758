"""What samples of mask and instance files are: trimaps, void, alpha beside black and white."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files import libraries
from maskdepth_cli.files.mask_rules import VOC_VOID, MaskRules
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.rasters import Raster, single_channel
from maskdepth_cli.types import InstanceMap

_RING = 0.01  # of the long side: void farther from all that is labelled is no boundary
_DARK, _TWO_LEVELS = 0.1, 0.95  # of white; of the pixels: what black and white pictures keep to
_OPAQUE, _ALIKE = 0.98, 0.01  # of the pixels
_GRAY = (96, 160)  # of 255: what a trimap's third level lies between


def is_trimap(values: NDArray[Any], white: float) -> bool:
    """Tell whether values have three levels: black, white and a gray between."""
    if white < VOC_VOID:
        return False
    levels = np.unique(values[:: max(1, len(values) // 256)])
    if len(levels) != 3 or levels[0] != 0 or levels[2] != white:
        return False
    return bool(_GRAY[0] <= float(levels[1]) * 255 / white <= _GRAY[1])


def without_void(ids: InstanceMap, void: int) -> InstanceMap:
    """Give void pixels to the nearest label, background included; wide areas to the background.

    VOC draws its void as a ring over the outlines of objects: the true outline is in its middle.

    Parameters
    ----------
    ids : InstanceMap
        (H, W), 0 = none.
    void : int
        The number of pixels that are neither.
    """
    unknown = ids == void
    if not unknown.any() or unknown.all():
        return np.where(unknown, 0, ids).astype(np.int32)
    cv2 = libraries.opencv()
    distance, nearest = cv2.distanceTransformWithLabels(
        unknown.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = np.zeros(int(nearest.max()) + 1, np.int32)
    labels[nearest[~unknown]] = ids[~unknown]
    reach = max(4.0, _RING * max(ids.shape))
    filled = np.where(distance <= reach, labels[nearest], 0)
    return np.where(unknown, filled, ids).astype(np.int32)


def alpha_mask(raster: Raster, rules: MaskRules, path: Path) -> NDArray[Any] | None:
    """Return the alpha channel where it is the mask.

    Raises
    ------
    InputFileError
        It is to be and there is none, or it cannot be told from the gray values.
    """
    alpha = raster.alpha
    flat = alpha is None or bool((alpha == alpha[0, 0]).all())
    if rules.channel == "alpha" and flat:
        words = "has no transparency" if alpha is None else "has one transparency everywhere"
        raise InputFileError(f"{shown(path)}: {words}, so there is no mask in it")
    if alpha is None or flat or rules.channel == "gray":
        return None
    if raster.extras > 1:
        raise InputFileError(
            f"{shown(path)}: {raster.extras} channels beside its colours, none of them called "
            "alpha; keep the one that is the mask"
        )
    if rules.channel == "alpha" or not _black_and_white(raster):
        return alpha
    gray = single_channel(raster)
    assert gray is not None
    half = raster.white / 2
    if (alpha > half).mean() >= _OPAQUE:
        return None
    if ((alpha > half) != (gray > half)).mean() <= _ALIKE:
        return alpha
    raise InputFileError(
        f"{shown(path)}: its gray values are a mask and its transparency is another; say which: "
        "--mask-channel gray or alpha"
    )


def _black_and_white(raster: Raster) -> bool:
    """Tell whether the colours alone look like a mask."""
    gray = None if raster.palette is not None else single_channel(raster)
    if gray is None:
        return False
    low, high = gray < _DARK * raster.white, gray > (1 - _DARK) * raster.white
    return bool(low.any() and high.any() and (low | high).mean() > _TWO_LEVELS)
