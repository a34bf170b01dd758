"""Windows: a small instance is refined within its surroundings, not over the whole image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.networks.config import STRIDE
from maskdepth_cli.types import Mask

MARGIN = 32  # pixels of context around the mask, at working size
WORTHWHILE = 0.8  # a window that takes more of the image than this is the whole image

Place = tuple[slice, slice]  # rows and columns of an array (H, W)
EVERYWHERE: Place = (slice(None), slice(None))


@dataclass(frozen=True)
class Window:
    """A part of the image at working size, and the pixels of the full size that lie within it."""

    small: Place
    full: Place
    size: tuple[int, int]  # height and width of the whole image at working size

    @property
    def whole(self) -> bool:
        """Whether this is the whole image."""
        return self.small == _everything(self.size)

    def rim(self, width: float) -> Mask:
        """Weight at working size that fades from 1 to 0 towards edges inside the image.

        Parameters
        ----------
        width : float
            Pixels over which it fades.
        """
        weights = []
        for part, side in zip(self.small, self.size, strict=True):
            place = np.arange(part.start, part.stop, dtype=np.float32)
            left = place - part.start if part.start > 0 else np.full_like(place, np.inf)
            right = part.stop - 1 - place if part.stop < side else np.full_like(place, np.inf)
            weights.append(np.clip(np.minimum(left, right) / width, 0, 1))
        rim: Mask = np.minimum(weights[0][:, None], weights[1][None])
        return rim


def whole_image(size: tuple[int, int], full: tuple[int, ...]) -> Window:
    """Return the window that is the whole image: working size and full size (height, width)."""
    return Window(_everything(size), _everything(full), size)


def window_around(mask: Mask, full: tuple[int, ...], margin: int = MARGIN) -> Window:
    """Choose the window of a mask.

    It starts and ends at multiples of the network's stride, so that the network divides it into
    patches as it would the whole image.

    Parameters
    ----------
    mask : Mask
        (h, w) at working size.
    full : tuple of int
        Height and width of the image at full size.
    margin : int
        Least context on each side of the mask, as far as the image goes.
    """
    inside = mask > 0
    small = [_widened(np.asarray(inside.any(axis)), margin) for axis in (1, 0)]
    area = np.prod([part.stop - part.start for part in small])
    if area > WORTHWHILE * mask.size:
        return whole_image(mask.shape, full)
    # The full-size pixels whose centres lie between centres of the window's own pixels.
    places = tuple(
        slice(-(-part.start * large // side), part.stop * large // side)
        for part, large, side in zip(small, full, mask.shape, strict=True)
    )
    return Window((small[0], small[1]), (places[0], places[1]), mask.shape)


def _widened(inside: NDArray[np.bool_], margin: int) -> slice:
    first, last = np.flatnonzero(inside)[[0, -1]]
    start = max(int(first) - margin, 0) // STRIDE * STRIDE
    stop = min(-(-(int(last) + 1 + margin) // STRIDE) * STRIDE, inside.size)
    return slice(start, stop)


def _everything(shape: tuple[int, ...]) -> Place:
    return slice(0, shape[0]), slice(0, shape[1])
