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
Gray = NDArray[np.uint8]  # (h, w)

STRAY = 1.0  # pixels by which a flow there and back may miss its start
FEWEST = 0.3  # share of pixels whose flow comes back: fewer are a cut
INSIDE = 4  # pixels from the other side within which a flow is a mixture of both
POINTS = 2000  # about so many pixels of a region say how it moves as a whole
LEAST_POINTS = 16
SAME_SIDE = 0.99  # of a region that a pixel comes from: beside what hid it, it had no place
MISMATCH = 30  # grey levels, above which a larger one tells no more
BETTER = 0.5  # grey levels by which a pixel's own flow must match better to count wholly
COMPARED = 4.0  # pixels: sigma of what is compared around a pixel
SMOOTH = 8.0  # pixels: sigma of a region's own deviation from how it moves as a whole
LEAST_SHARE = 1e-6  # below which nothing is known
KNOWN = 0.02  # share of a region's pixels around one, from which on its deviation is known there


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


def gray_of(image: Image) -> Gray:
    """Return RGB (h, w, 3) in [0, 1] as gray of 8 bits, which flow is found in."""
    gray: Gray = np.rint(
        cv2.cvtColor(np.ascontiguousarray(image, np.float32), cv2.COLOR_RGB2GRAY) * 255
    ).astype(np.uint8)
    return gray


def find_motion(gray: Gray, before: Gray) -> Motion:
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


def layer_motion(motion: Motion, photos: tuple[Gray, Gray], regions: tuple[Mask, Mask]) -> Flow:
    """Return the motion of a layer all over the frame, also where it is not seen.

    Flow runs over the outline of what moves before something else, by as much as the search's
    windows: there it is the other layer's. So a layer moves as a whole, by an affine map (least
    median of squares, Rousseeuw 1984, as in OpenCV), and otherwise only where it is seen in both
    frames and its own flow matches the photos better. That deviation is continued smoothly.

    Parameters
    ----------
    motion : Motion
        Of the frame.
    photos : tuple of ndarray
        uint8 (h, w), this frame and the one before.
    regions : tuple of Mask
        (h, w) in [0, 1] of the layer, in this frame and in the one before.
    """
    gray, before = (photo.astype(np.float32) for photo in photos)
    region, old_region = (np.ascontiguousarray(one, np.float32) for one in regions)
    own = well_within(region, INSIDE) & (motion.certain > 0)
    whole = _affine(motion.flow, own & (moved(old_region, motion.flow) > SAME_SIDE))

    def mismatch(flow: Flow) -> Map:
        return np.minimum(np.abs(gray - moved(before, flow)), MISMATCH)

    seen = region > SAME_SIDE
    for flow in (whole, motion.flow):
        seen &= moved(old_region, flow) > SAME_SIDE
    weight = seen.astype(np.float32)
    gain = _blurred((mismatch(whole) - mismatch(motion.flow)) * weight, COMPARED)
    gain /= np.maximum(_blurred(weight, COMPARED), LEAST_SHARE)
    share = np.clip(gain / BETTER, 0, 1) * weight * motion.certain
    deviation = (motion.flow - whole) * share[..., None]
    around = _blurred(weight, SMOOTH)
    smooth = _blurred(deviation, SMOOTH) / np.maximum(around, LEAST_SHARE)[..., None]
    filled = push_pull(
        torch.from_numpy(smooth).permute(2, 0, 1)[None],
        torch.from_numpy(np.clip(around / KNOWN, 0, 1))[None, None],
    )
    beyond = filled[0].permute(1, 2, 0).numpy()
    return np.ascontiguousarray(whole + np.where(seen[..., None], deviation, beyond))


def well_within(region: Mask, reach: int) -> NDArray[np.bool_]:
    """Tell the pixels around which a square of ``reach`` pixels to each side is of a region."""
    whole = torch.from_numpy(np.ascontiguousarray(region))[None, None]
    return lowest_around(whole, reach)[0, 0].numpy() > SAME_SIDE


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


def _affine(flow: Flow, known: NDArray[np.bool_]) -> Flow:
    """Return the affine motion (h, w, 2) of most of what is known; none where that is little."""
    rows, columns = np.nonzero(known)
    step = max(len(rows) // POINTS, 1)
    rows, columns = rows[::step], columns[::step]
    here = np.stack([columns, rows], axis=1).astype(np.float32)
    matrix = None
    if len(rows) >= LEAST_POINTS:
        matrix, _ = cv2.estimateAffine2D(here, here + flow[rows, columns], method=cv2.LMEDS)
    if matrix is None:
        return np.zeros_like(flow)
    height, width = known.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    there = np.stack([x, y], axis=-1) @ matrix[:, :2].T.astype(np.float32)
    there += matrix[:, 2].astype(np.float32) - np.stack([x, y], axis=-1)
    return np.asarray(there, np.float32)


def _blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _places(flow: Flow) -> tuple[Map, Map]:
    height, width = flow.shape[:2]
    columns = flow[..., 0] + np.arange(width, dtype=np.float32)
    rows = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return columns.astype(np.float32), rows.astype(np.float32)
