"""Panoramas of 360 degrees: seen with a part of the other end on both sides, joined by a fade."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.errors import ArrayError
from maskdepth_cli.types import InverseDepth, Mask

_MARGIN = 4  # what is added on each side is the width divided by it
_GROWTH = 1 + 2 / _MARGIN  # by which the width grows

_Array = TypeVar("_Array", bound=NDArray[Any])


def widened(array: _Array) -> _Array:
    """Put the last quarter of the columns before the first one, and the first after the last.

    Parameters
    ----------
    array : array
        (H, W) or (H, W, C) of a panorama whose last column is beside its first.

    Raises
    ------
    ArrayError
        It is higher than wide.
    """
    height, width = array.shape[:2]
    if height > width:
        raise ArrayError(
            f"wrap: {width} x {height} pixels are no panorama of 360 degrees, which is wider than "
            "high; leave wrap out for this photo"
        )
    margin = width // _MARGIN
    sides = [(0, 0), (margin, margin)] + [(0, 0)] * (array.ndim - 2)
    return cast(_Array, np.pad(array, sides, mode="wrap"))


def joined(wide: InverseDepth, width: int) -> InverseDepth:
    """Cut out the panorama; beside its ends, what was seen from either side fades into the other.

    Parameters
    ----------
    wide : InverseDepth
        (H, W), made from what `widened` gives.
    width : int
        Of the panorama.

    Returns
    -------
    InverseDepth
        (H, width). What is equal on both sides stays, bit for bit; what only one side knows too.
    """
    margin = (wide.shape[1] - width) // 2
    result: InverseDepth = wide[:, margin : margin + width].copy()
    for own, other, share in _ends(result, wide, margin):
        known = np.isfinite(own) & np.isfinite(other) & (own != other)
        with np.errstate(invalid="ignore"):
            blend = own + share * (other - own)
        np.copyto(own, blend, where=known)
    return result


def _ends(
    result: NDArray[Any], wide: NDArray[Any], margin: int
) -> list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Columns beside both ends, the same ones as seen from the other end, and that one's share.

    The share is half at the ends, and 0 from half of the margin on: farther out the network saw
    little of what lies beyond.
    """
    width, fade = result.shape[1], margin // 2
    share = 0.5 - (np.arange(fade, dtype=np.float32) + 0.5) / max(2 * fade, 1)
    right = margin + width
    return [
        (result[:, :fade], wide[:, right : right + fade], share),
        (result[:, width - fade :], wide[:, margin - fade : margin], share[::-1]),
    ]


def settings_for_widened(settings: RefineSettings) -> RefineSettings:
    """Return settings with which a widened panorama is worked on at the scale of the panorama.

    Shares of pixels would be others: masks that are too small are left out before.
    """
    return replace(
        settings,
        wrap=False,
        working_size=round(settings.working_size * _GROWTH),
        keep_dilation=settings.keep_dilation / _GROWTH,
        min_instance_share=None,
    )


def joined_result(
    wide: RefinedDepth, depth: InverseDepth, mask: Mask | None = None, *, layers: bool
) -> RefinedDepth:
    """Cut a result out, as `joined` does.

    Parameters
    ----------
    wide : RefinedDepth
        Of the widened panorama.
    depth : InverseDepth
        (H, W), the initial depth of the panorama.
    mask : Mask, optional
        What guided it; left out, or with edges of the depth's own, it is cut out too.
    layers : bool
        Whether the layers are wanted; otherwise they are ``depth`` itself.
    """
    width = depth.shape[1]
    margin = (wide.depth.shape[1] - width) // 2
    changed = wide.changed[:, margin : margin + width].copy()
    for own, other, _ in _ends(changed, wide.changed, margin):
        own |= other
    return RefinedDepth(
        joined(wide.depth, width),
        joined(wide.foreground, width) if layers else depth,
        joined(wide.background, width) if layers else depth,
        mask.copy() if mask is not None and not wide.own_edges else joined(wide.mask, width),
        changed,
        wide.own_edges,
    )
