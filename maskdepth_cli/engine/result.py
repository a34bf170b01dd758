"""What a refinement returns, whichever method made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import Image, InstanceMap, InverseDepth, Mask


@dataclass(frozen=True)
class RefinedDepth:
    """Refined inverse depth with the layers it was composited from; all arrays are (H, W)."""

    depth: InverseDepth  # the composite, in the units of the initial depth
    foreground: InverseDepth  # D1: the region of the mask, completed outwards; depth where mask = 1
    background: InverseDepth  # D2: the other region, completed inwards; depth where mask = 0
    mask: Mask
    changed: NDArray[np.bool_]  # False: equal to the initial depth
    own_edges: bool = False  # ``mask`` is not the given one: in places it follows the initial depth

    @classmethod
    def unchanged(cls, depth: InverseDepth, mask: Mask, *, layers: bool = True) -> RefinedDepth:
        """Build the result of having nothing to refine.

        Parameters
        ----------
        depth, mask
            The initial depth and what would have guided its refinement.
        layers : bool
            Whether the layers are arrays of their own, or ``depth`` itself.
        """
        foreground, background = (depth.copy() if layers else depth for _ in range(2))
        return cls(depth.copy(), foreground, background, mask, np.zeros(depth.shape, np.bool_))


class RefinementMethod(Protocol):
    """The signature that `Refiner` and the compared methods share."""

    def refine(self, image: Image, depth: InverseDepth, mask: Mask) -> RefinedDepth:
        """Refine with one mask."""

    def refine_instances(
        self, image: Image, depth: InverseDepth, instances: InstanceMap | Sequence[Mask]
    ) -> RefinedDepth:
        """Refine with several masks, each on its own, and merge the results."""
