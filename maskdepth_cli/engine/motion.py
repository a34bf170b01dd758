"""Motion between two frames, and how it goes on behind what stands before it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from maskdepth_cli.networks.completion import push_pull
from maskdepth_cli.networks.layers import lowest_around
from maskdepth_cli.types import Image, Mask

Flow = NDArray[np.float32]  # (h, w, 2): from a pixel to where it was, in x and y
Map = NDArray[np.float32]  # (h, w)

STRAY = 1.0  # pixels by which a flow there and back may miss its start
INSIDE = 4  # pixels from the other side within which a flow is a mixture of both
MIXED = 0.01  # weight of such a flow
FEWEST = 0.3  # share of pixels whose flow comes back: fewer are a cut


@dataclass(frozen=True)
class Motion:
    """Where the pixels of a frame were in the frame before.

    Attributes
    ----------
    flow
        To the frame before.
    certain
        (h, w), 1 where the flow there and back meets its start, else 0.
    """

    flow: Flow
    certain: Map

    @property
    def is_cut(self) -> bool:
        """Whether the frames show different things."""
        return float(self.certain.mean()) < FEWEST


def gray_of(image: Image) -> NDArray[np.uint8]:
    """Return RGB (h, w, 3) in [0, 1] as gray of 8 bits, which flow is found in."""
    gray: NDArray[np.uint8] = np.rint(
        cv2.cvtColor(np.ascontiguousarray(image, np.float32), cv2.COLOR_RGB2GRAY) * 255
    ).astype(np.uint8)
    return gray


def find_motion(gray: NDArray[np.uint8], before: NDArray[np.uint8]) -> Motion:
    """Find optical flow by dense inverse search, checked there and back.

    Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, as in OpenCV.

    Parameters
    ----------
    gray, before : ndarray
        uint8 (h, w), this frame and the one before, 16 pixels or more a side.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back: Flow = search.calc(gray, before, None)
    forth: Flow = search.calc(before, gray, None)
    missed = np.hypot(*np.moveaxis(back + moved(forth, back), -1, 0))
    allowed = STRAY + 0.05 * np.hypot(back[..., 0], back[..., 1])
    return Motion(back, ((missed <= allowed) & inside(back)).astype(np.float32))


def continued(motion: Motion, region: Mask) -> Flow:
    """Return the motion of a region all over the frame, smoothly where the region is not seen.

    Parameters
    ----------
    motion : Motion
        Of the frame.
    region : Mask
        (h, w) in [0, 1].
    """
    own = torch.from_numpy(np.ascontiguousarray(region))[None, None]
    weight = lowest_around(own, INSIDE) + MIXED * own
    weight = weight.clamp(max=1) * torch.from_numpy(motion.certain)
    flow = torch.from_numpy(motion.flow).permute(2, 0, 1)[None]
    filled = push_pull(flow, weight)[0].permute(1, 2, 0)
    return np.ascontiguousarray(filled.numpy())


def moved(values: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    """Bring values (h, w) or (h, w, C) of the frame before to where they are now, bilinear."""
    columns, rows = _places(flow)
    found: NDArray[np.float32] = cv2.remap(
        values, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return found


def inside(flow: Flow) -> NDArray[np.bool_]:
    """Tell which pixels were in the frame before."""
    height, width = flow.shape[:2]
    columns, rows = _places(flow)
    return (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)


def _places(flow: Flow) -> tuple[Map, Map]:
    height, width = flow.shape[:2]
    columns = flow[..., 0] + np.arange(width, dtype=np.float32)
    rows = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return columns.astype(np.float32), rows.astype(np.float32)
