"""Layers, wanted or not: the depth is the same, and the foreground reaches over the whole photo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.settings import RefineSettings

SHAPE = (320, 512)
MASKS = [(slice(60, 110), slice(80, 140)), (slice(200, 260), slice(330, 380))]


class Wandering(torch.nn.Module):
    """Corrects smoothly, by amounts that depend on the size of what it is shown."""

    def forward(self, depth, mask, rgb):
        size = depth.shape[-2] * depth.shape[-1]
        smooth = torch.sin(torch.linspace(0, 6, depth.shape[-1])) / 2
        # Inside the layer little is changed, beyond it the level of the inside continues.
        inside = depth + 0.3 + size % 7 / 20
        level = (depth * mask).sum((2, 3), keepdim=True) / mask.sum((2, 3), keepdim=True)
        return torch.lerp(level + smooth, inside, mask).clamp(0, 10)


def scene():
    rng = np.random.default_rng(4)
    rows = np.arange(SHAPE[0], dtype=np.float32)[:, None]
    masks = [np.zeros(SHAPE, np.float32) for _ in MASKS]
    depth = np.broadcast_to(1 + rows / SHAPE[0], SHAPE)
    for mask, (part, value) in zip(masks, zip(MASKS, (5, 8), strict=True), strict=True):
        mask[part] = 1
        depth = np.where(mask > 0, value, depth)
    image = rng.random((*SHAPE, 3), np.float32)
    return image, cv2.GaussianBlur(depth.astype(np.float32), (0, 0), 3), masks


def refiner(**changes):
    return Refiner(Wandering(), RefineSettings(device="cpu", precision="fp32", **changes))


@pytest.mark.parametrize("guides", ["one", "several", "map"])
def test_the_depth_does_not_depend_on_what_else_is_wanted(guides):
    image, depth, masks = scene()

    def refined(layers):
        chosen = refiner(layers=layers)
        if guides == "one":
            return chosen.refine(image, depth, masks[0])
        both = masks if guides == "several" else (masks[0] + 2 * masks[1]).astype(np.int32)
        return chosen.refine_instances(image, depth, both)

    with_layers, without = refined(True), refined(False)
    assert without.changed.any()
    for name in ("depth", "mask", "changed"):
        np.testing.assert_array_equal(getattr(with_layers, name), getattr(without, name))


def test_a_foreground_is_the_same_whether_its_mask_is_given_alone_or_in_a_list():
    image, depth, masks = scene()
    alone = refiner().refine(image, depth, masks[0])
    listed = refiner(merge="largest").refine_instances(image, depth, masks[:1])
    for name in ("foreground", "depth", "mask"):
        np.testing.assert_array_equal(getattr(listed, name), getattr(alone, name))


@pytest.mark.parametrize("listed", [False, True])
def test_a_foreground_is_completed_over_the_whole_photo(listed):
    """Beyond its mask it continues the object, to the corners, and never is the initial depth."""
    image, depth, masks = scene()
    chosen = refiner()
    refined = (
        chosen.refine_instances(image, depth, masks[:1])
        if listed
        else chosen.refine(image, depth, masks[0])
    )
    beyond = masks[0] == 0
    # The object's level, 5, and half a tenth of the range on either side; the ground is 1 to 2.
    assert refined.foreground[beyond].min() > 3.5
    assert refined.foreground[beyond].max() < 6


@pytest.mark.parametrize("several", [False, True])
def test_no_rim_shows_where_a_window_ends(several):
    image, depth, masks = scene()
    chosen = refiner()
    if several:
        refined = chosen.refine_instances(image, depth, masks)
    else:
        refined = chosen.refine(image, depth, masks[0])
    # Windows reach to 32 pixels around a mask and further; between masks there is one pass.
    distance = cv2.distanceTransform((refined.mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
    away = (distance > 4)[1:, 1:]
    down, right = np.diff(refined.foreground, axis=0), np.diff(refined.foreground, axis=1)
    for step in (down[:, 1:], right[1:]):
        assert np.abs(step)[away].max() < 0.15  # of 7: what it fades by over 30 pixels


@pytest.mark.parametrize("merge", ["own", "largest"])
def test_where_the_mask_decides_the_depth_is_the_layer(merge):
    image, depth, masks = scene()
    soft = [cv2.GaussianBlur(mask, (0, 0), 1.5) for mask in masks]
    refined = refiner(merge=merge).refine_instances(image, depth, soft)
    inside, outside = refined.mask >= 1, refined.mask <= 0
    assert inside.any()
    assert outside.any()
    np.testing.assert_array_equal(refined.foreground[inside], refined.depth[inside])
    np.testing.assert_array_equal(refined.background[outside], refined.depth[outside])
    if merge == "own":  # of pixels near the boundary, wholly corrected, each has one winner
        mixed = refined.mask * refined.foreground + (1 - refined.mask) * refined.background
        edge = (refined.mask > 0.5) & (refined.mask < 1)
        np.testing.assert_allclose(refined.depth[edge], mixed[edge], atol=1e-3)


def test_the_result_keeps_a_mask_of_its_own():
    image, depth, masks = scene()
    refined = refiner().refine(image, depth, masks[0])
    given = masks[0].copy()
    masks[0][:] = 0
    np.testing.assert_array_equal(refined.mask, given)
