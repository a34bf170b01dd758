"""Perturbations by hard decisions: closings against scipy, and the shares that were measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from maskdepth_cli.training.hard_perturbation import FIELDS, NUMBERS, close, err_hard

CROSS = ndimage.generate_binary_structure(2, 1)
SQUARE = np.ones((3, 3), bool)
MIDDLE = np.log(1 / 0.5) / np.log(1.8 / 0.5)  # the number that gives a scale of 1


def octagon(steps):
    shape = np.ones((1, 1), bool)
    for step in range(steps):
        shape = np.pad(shape, 1)
        shape = ndimage.binary_dilation(shape, SQUARE if step % 2 else CROSS)
    return shape


@pytest.mark.parametrize("radius", [1, 2, 3, 6, 11])
def test_a_closing_is_scipys_by_an_octagon(radius):
    rng = np.random.default_rng(radius)
    depth = ndimage.gaussian_filter(rng.random((90, 90)), 2).astype(np.float32)
    expected = ndimage.grey_closing(depth, footprint=octagon(radius))
    tensor = torch.from_numpy(depth)[None, None]
    closed = close(tensor, torch.full_like(tensor, radius + 0.5), torch.ones_like(tensor))
    inner = np.s_[2 * radius : -2 * radius, 2 * radius : -2 * radius]
    np.testing.assert_allclose(closed[0, 0].numpy()[inner], expected[inner], atol=1e-6)


def test_the_radius_changes_from_place_to_place():
    depth = torch.ones(2, 1, 40, 80)
    depth[..., 16:24, 16:24] = depth[..., 16:24, 56:64] = 0  # holes of an inscribed radius of 4
    radius = torch.zeros_like(depth)
    radius[..., 40:] = 8
    share = torch.ones_like(depth)
    share[1] = 0.25
    closed = close(depth, radius, share)
    assert (closed[:, 0, 20, 20] == 0).all()
    assert closed[:, 0, 20, 60].tolist() == [1, 0.25]


def bars(width, count=300, side=96):
    """Upright bars of a width, one an item, and what they do when they are spoilt."""
    torch.manual_seed(width)
    mask = torch.zeros(count, 1, side, side)
    mask[..., side // 2 - width // 2 : side // 2 - width // 2 + width] = 1
    return mask


def spoilt(mask):
    count, _, height, width = mask.shape
    fields = torch.rand(count, FIELDS, 1, 1).expand(-1, -1, height, width)
    numbers = torch.rand(count, NUMBERS)
    numbers[:, 0] = MIDDLE
    numbers[:, 3] = 1  # as fitted, not anything between
    front, back = torch.full_like(mask, 0.8), torch.full_like(mask, 0.2)
    depth = mask * front + (1 - mask) * back
    fills = torch.ones(count, dtype=torch.bool)
    t = (err_hard(depth, front, back, mask, fields, numbers, fills) - 0.2) / 0.6
    return t[:, 0, height // 2]


@pytest.mark.parametrize(
    ("width", "low", "high"), [(2, 0.2, 0.5), (4, 0.4, 0.75), (11, 0.85, 0.99)]
)
def test_thin_parts_are_lost_as_often_as_measured(width, low, high):
    t = spoilt(bars(width))[:, 96 // 2].numpy()
    assert low < t.mean() < high


@pytest.mark.parametrize(("width", "low", "high"), [(3, 0.8, 1.0), (8, 0.6, 0.95), (28, 0.0, 0.2)])
def test_narrow_gaps_are_filled_as_often_as_measured(width, low, high):
    t = spoilt(1 - bars(width))[:, 96 // 2].numpy()
    assert low < t.mean() < high


def test_decisions_are_hard():
    t = spoilt(1 - bars(8))[:, 96 // 2].numpy()
    assert ((t < 0.15) | (t > 0.85)).mean() > 0.6


def test_plain_borders_stay_where_they_are():
    mask = torch.zeros(300, 1, 96, 96)
    mask[..., 48:] = 1
    torch.manual_seed(0)
    t = spoilt(mask).numpy()
    np.testing.assert_allclose(t[:, :44], 0, atol=0.02)
    np.testing.assert_allclose(t[:, 52:], 1, atol=0.02)
    outwards = t[:, 40:48].sum(1) - (1 - t[:, 48:56]).sum(1)  # pixels
    assert 0 < outwards.mean() < 0.6
    assert np.percentile(outwards, 10) > -0.6
    assert np.percentile(outwards, 90) < 1.2
