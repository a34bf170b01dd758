"""The shapes that travel: array types shared by every room.

``Image``: float32 (H, W, 3) in [0, 1], RGB. ``Photo``: the same, or as it is stored, uint8 or
uint16 whose largest value is white: a quarter of the memory. ``InverseDepth``: float32 (H, W),
larger is nearer, NaN or infinite where unknown. ``Mask``: float32 (H, W) in [0, 1], 1 = object.
``InstanceMap``: int32 (H, W), 0 = no instance.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.float32]
Photo: TypeAlias = NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.uint16]
InverseDepth: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.float32]
InstanceMap: TypeAlias = NDArray[np.int32]
