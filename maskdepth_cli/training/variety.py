"""What makes composites differ beyond their frames: fronts, their place, edges that are off."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.training.hard_perturbation import FIELDS
from maskdepth_cli.training.recipe import DataSettings
from maskdepth_cli.training.sources import TrainingFrame
from maskdepth_cli.types import InverseDepth, Mask

FIELD_GRID = 32  # side of the grids of fields
GRAIN = (4, 26)  # cells along a field
INSIDE = 0.3  # of a mask, above which a pixel is the front's
RING = 15  # pixels: side of the square that dilates a mask to what is around it
THICK = (2, 16)  # pixels: radius of the opening that tells limbs from what they belong to
STEP = (0.04, 0.6)  # of a part's depth from its object's, of a patch's range
BEFORE = 0.9  # share of an object's distance from what is behind it, which its parts keep to
WANDER = (0.7, 3.2)  # largest displacement of a wrong edge, pixels
WAVES = (5, 40)  # cells of its displacement along the patch


def vary_front(front: TrainingFrame, data: DataSettings, rng: np.random.Generator) -> TrainingFrame:
    """Give the layer in front drawn colours or a smooth relief, or leave it as a part of a room."""
    if rng.random() < data.recolour_share:
        front = replace(front, rgb=_recoloured(front.rgb, rng))
    if rng.random() < data.relief_share:
        front = replace(front, depth=_relief(len(front.rgb), rng))
    return front


def stand_before(
    depths: tuple[InverseDepth, InverseDepth], mask: Mask, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Scales of both layers and the front's offset: near what is around the mask, mostly before it.

    Parameters
    ----------
    depths : tuple of InverseDepth
        (S, S) of the front and of the back, in [0, 1].
    mask : Mask
        (S, S) of the front.
    """
    front, back = depths
    front_scale, back_scale = rng.uniform(0.02, 0.5) ** 1.5, rng.uniform(0.4, 1)
    around = cv2.dilate((mask > INSIDE).astype(np.uint8), np.ones((RING, RING), np.uint8)) > 0
    reach = float(np.quantile(back[around], 0.9)) * back_scale
    gap = float(np.exp(rng.uniform(np.log(0.04), np.log(0.7))))
    place = reach + gap if rng.random() < 0.8 else rng.uniform(0, 1)
    return np.array([front_scale, back_scale, place - front_scale * front.mean()], np.float32)


def step_parts(
    depths: tuple[InverseDepth, InverseDepth],
    layering: NDArray[np.float32],
    mask: Mask,
    rng: np.random.Generator,
) -> InverseDepth:
    """Let parts of the front stand nearer or farther, as the rear posts of a shelf do.

    Parts are what an opening of the mask leaves and what it takes away, each cut along up to three
    straight lines. Half of them stay where they are; most of the others stay before the back.

    Parameters
    ----------
    depths : tuple of InverseDepth
        (S, S) of the front and of the back, in [0, 1].
    layering : array
        (3,) scale of either layer, offset of the front.
    mask : Mask
        (S, S) of the front.

    Returns
    -------
    InverseDepth
        (S, S) of the front, in the same unit; may lie outside of [0, 1].
    """
    front_scale, back_scale, offset = (float(number) for number in layering)
    inside = mask > INSIDE
    parts = _parts(inside, rng)
    front = depths[0] * front_scale + offset
    if not inside.any():
        return depths[0]
    gap = float(front[inside].mean()) - float(np.quantile(depths[1][inside], 0.9)) * back_scale
    count = int(parts.max()) + 1
    steps = np.exp(rng.uniform(np.log(STEP[0]), np.log(STEP[1]), count)) * rng.choice(
        [-1, -1, 1], count
    )
    least = np.where(rng.random(count) < 0.8, -BEFORE * max(gap, 0), -np.inf)
    steps = np.maximum(steps, least) * (rng.random(count) < 0.5)
    return np.asarray(depths[0] + steps.astype(np.float32)[parts] / front_scale, np.float32)


def wrong_edge(mask: Mask, rng: np.random.Generator) -> Mask:
    """Move a mask's edge as segmentation networks and polygons are off, by up to some 3 pixels."""
    side = len(mask)
    wrong = (mask > 0.5).astype(np.float32) if rng.random() < 0.7 else mask
    cells = round(float(np.exp(rng.uniform(*np.log(WAVES)))))
    reach = 0.8 * rng.uniform(*WANDER)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    shift_x, shift_y = (reach * _smooth(side, cells, rng) for _ in range(2))
    wrong = cv2.remap(
        wrong, x + shift_x, y + shift_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    kind = rng.random()
    if kind < 0.3:
        square = np.ones((int(rng.choice([2, 3, 3, 5])),) * 2, np.uint8)
        wrong = (cv2.dilate if rng.random() < 0.5 else cv2.erode)(wrong, square)
    elif kind < 0.5:
        wrong = _polygons(wrong, rng.uniform(0.8, 3))
    elif kind < 0.65:
        wrong = (cv2.GaussianBlur(wrong, (0, 0), rng.uniform(1, 3)) > 0.5).astype(np.float32)
    return np.asarray(wrong, np.float32)


def draw_fields(rng: np.random.Generator) -> NDArray[np.float16]:
    """Draw smooth fields (FIELDS, FIELD_GRID, FIELD_GRID), about uniform in [0, 1]."""
    fields = []
    for _ in range(FIELDS):
        cells = int(np.exp(rng.uniform(*np.log(GRAIN))))
        normal = 1.25 * _smooth(FIELD_GRID, cells, rng) + rng.normal(0, 0.5)
        fields.append(1 / (1 + np.exp(-1.52 * normal)))  # about the normal distribution's integral
    return np.stack(fields).astype(np.float16)


def _recoloured(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw patches or gradients of a few colours, with more or less of the frame's texture."""
    side = len(rgb)
    cells = int(rng.integers(2, 9))
    grid = rng.uniform(0, 1, (cells, cells, 3)).astype(np.float32)
    kind = cv2.INTER_NEAREST if rng.random() < 0.4 else cv2.INTER_CUBIC
    colours = cv2.resize(grid, (side, side), interpolation=kind)
    colours = 255 * (rng.uniform(0, 1, 3) + (colours - 0.5) * rng.uniform(0, 0.8))
    texture = rgb - cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), 8)
    return np.clip(np.clip(colours, 0, 255) + rng.uniform(0, 0.8) * texture, 0, 255).astype(
        np.uint8
    )


def _relief(side: int, rng: np.random.Generator) -> InverseDepth:
    """Draw a tilted plane with smooth bumps, in any scale."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side - 0.5
    bumps = rng.uniform(0, 0.06) * _smooth(side, int(rng.integers(2, 7)), rng)
    return (bumps + rng.normal(0, 0.08) * x + rng.normal(0, 0.12) * y).astype(np.float32)


def _parts(inside: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.intp]:
    """Tell the parts of a front apart by numbers from 0 on, (S, S); lines go on beside it."""
    side, own = len(inside), inside.astype(np.uint8)
    radius = int(np.exp(rng.uniform(*np.log(THICK))))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    thick = cv2.dilate(cv2.morphologyEx(own, cv2.MORPH_OPEN, disk), np.ones((3, 3), np.uint8))
    labels = cv2.connectedComponents(own & ~thick)[1].astype(np.intp)
    y, x = np.mgrid[:side, :side] / side - 0.5
    for _ in range(int(rng.integers(0, 4))):
        angle, place = rng.uniform(0, np.pi), rng.uniform(-0.4, 0.4)
        labels = 2 * labels + (np.cos(angle) * x + np.sin(angle) * y > place)
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def _polygons(mask: Mask, tolerance: float) -> Mask:
    contours, hierarchy = cv2.findContours(
        (mask > 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    canvas = np.zeros(mask.shape, np.uint8)
    if contours:
        polygons = [cv2.approxPolyDP(contour, tolerance, True) for contour in contours]
        cv2.drawContours(canvas, polygons, -1, 1, -1, hierarchy=hierarchy)
    return canvas.astype(np.float32)


def _smooth(side: int, cells: int, rng: np.random.Generator) -> NDArray[np.float32]:
    grid = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
