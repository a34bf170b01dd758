"""Perturbations against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from maskdepth_cli.training.masks import MAX_HOLES, find_holes
from maskdepth_cli.training.perturbation import fill_holes, gaussian_blur, perturb
from maskdepth_cli.training.samples import Batch


def batch(items=1, side=40, **changes):
    tensors = {
        "kernels": torch.ones(items, 2, dtype=torch.long),
        "erode_first": torch.zeros(items, dtype=torch.bool),
        "partial": torch.zeros(items, dtype=torch.bool),
        "blur": torch.zeros(items, dtype=torch.float64),
        "holes": torch.zeros(items, 1, side, side, dtype=torch.uint8),
        "hole_blend": torch.full((items, MAX_HOLES), torch.nan),
        "resample": torch.ones(items, dtype=torch.float64),
        "elastic": torch.zeros(items, dtype=torch.float64),
        "drift": torch.zeros(items, dtype=torch.float64),
        "noise": torch.zeros(items, 4, 8, 8),
    }
    return Batch({**tensors, **changes})


def depth_map(side=40):
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.random((1, 1, side, side), dtype=np.float32) * 10)


def test_nothing_drawn_leaves_the_depth():
    depth = depth_map()
    assert torch.allclose(perturb(depth, depth * 0, batch()), depth, atol=1e-5)


@pytest.mark.parametrize("erode_first", [False, True])
def test_morphology_is_scipys(erode_first):
    depth = depth_map()
    drawn = batch(kernels=torch.tensor([[5, 3]]), erode_first=torch.tensor([erode_first]))
    steps = [(ndimage.grey_dilation, 5), (ndimage.grey_erosion, 3)]
    expected = depth[0, 0].numpy()
    for operation, size in reversed(steps) if erode_first else steps:
        expected = operation(expected, size=(size, size), mode="nearest")
    result = perturb(depth, depth * 0, drawn)
    np.testing.assert_allclose(result[0, 0].numpy(), expected, atol=1e-5)


def test_morphology_has_each_items_own_sizes_and_order():
    depth = torch.cat([depth_map(), depth_map().flip(-1), depth_map().flip(-2)])
    drawn = batch(
        3,
        kernels=torch.tensor([[7, 3], [1, 5], [9, 1]]),
        erode_first=torch.tensor([True, False, True]),
    )
    result = perturb(depth, depth * 0, drawn)
    expected = [
        ndimage.grey_dilation(ndimage.grey_erosion(depth[0, 0], size=3), size=7),
        ndimage.grey_erosion(depth[1, 0], size=5),
        ndimage.grey_dilation(depth[2, 0], size=9),
    ]
    for i, item in enumerate(expected):
        np.testing.assert_allclose(result[i, 0].numpy(), item, atol=1e-5)


def test_holes_of_one_batch_are_filled_each_on_its_own():
    mask = torch.ones(2, 1, 60, 60)
    mask[0, 0, 10:20, 10:20] = mask[0, 0, 35:50, 30:50] = mask[1, 0, 20:40, 20:40] = 0
    depth = torch.where(mask > 0, 8.0, 2.0)
    depth[1] += 1
    holes = torch.stack([torch.from_numpy(find_holes(m[0].numpy()))[None] for m in mask])
    blend = torch.full((2, MAX_HOLES), torch.nan)
    blend[0, 0], blend[0, 1], blend[1, 0] = 1.0, 0.5, 0.25  # the largest hole is the first
    result = fill_holes(depth, mask, holes, blend)[:, 0]
    assert result[0, 42, 40] == pytest.approx(8, abs=1e-3)
    assert result[0, 15, 15] == pytest.approx(5, abs=1e-2)
    assert result[1, 30, 30] == pytest.approx(3 + 0.25 * 6, abs=1e-3)
    assert result[0, 28, 5] == 8
    blend[0, 1] = torch.nan
    assert fill_holes(depth, mask, holes, blend)[0, 0, 15, 15] == 2


def test_blur_is_scipys_for_every_item():
    depth = torch.cat([depth_map(), depth_map().flip(-1), depth_map()])
    result = gaussian_blur(depth, torch.tensor([1.0, 2.5, 0.0]))
    for i, sigma in enumerate([1.0, 2.5]):
        expected = ndimage.gaussian_filter(depth[i, 0].numpy(), sigma, mode="nearest")
        np.testing.assert_allclose(result[i, 0].numpy(), expected, atol=0.02)
    np.testing.assert_array_equal(result[2].numpy(), depth[2].numpy())


def test_morphology_can_be_partial():
    depth = depth_map()
    noise = torch.zeros(1, 4, 8, 8)
    noise[:, 2, :, :4], noise[:, 2, :, 4:] = -1, 1
    drawn = batch(kernels=torch.tensor([[7, 1]]), partial=torch.tensor([True]), noise=noise)
    result = perturb(depth, depth * 0, drawn)
    assert torch.allclose(result[..., :15], depth[..., :15], atol=1e-5)
    assert (result[..., 25:] >= depth[..., 25:] - 1e-5).all()
    assert (result[..., 25:] - depth[..., 25:]).mean() > 1


@pytest.mark.parametrize("blend", [0.0, 0.5, 1.0])
def test_a_hole_takes_a_value_between_inside_and_around(blend):
    mask = torch.zeros(1, 1, 60, 60)
    mask[..., 5:55, 5:55] = 1
    mask[..., 20:40, 20:40] = 0
    depth = torch.where(mask > 0, 8.0, 2.0)
    holes = torch.from_numpy(find_holes(mask[0, 0].numpy()))[None, None]
    result = fill_holes(depth, mask, holes, torch.full((1, MAX_HOLES), blend))
    assert result[0, 0, 30, 30] == pytest.approx(2 + 6 * blend, abs=1e-3)
    assert result[0, 0, 12, 12] == pytest.approx(8, abs=1e-3)
    untouched = fill_holes(depth, mask, holes, torch.full((1, MAX_HOLES), torch.nan))
    assert torch.equal(untouched, depth)


def test_displacement_moves_an_edge_by_its_pixels():
    depth = torch.zeros(1, 1, 40, 40)
    depth[..., 20:] = 10
    noise = torch.zeros(1, 4, 8, 8)
    noise[:, 0] = 1
    moved = perturb(depth, depth * 0, batch(elastic=torch.tensor([3.0]), noise=noise))
    np.testing.assert_allclose(
        moved[0, 0, 5].numpy(), np.where(np.arange(40) >= 17, 10, 0), atol=1e-3
    )


def test_drift_is_bounded_by_its_share():
    depth = torch.full((1, 1, 40, 40), 5.0)
    noise = torch.rand(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    drifted = perturb(depth, depth * 0, batch(drift=torch.tensor([0.04]), noise=noise))
    change = (drifted / 5 - 1).abs()
    assert 0.005 < change.max() <= 0.04 + 1e-6
    assert (
        drifted[..., 1:] - drifted[..., :-1]
    ).abs().max() < 0.15  # low frequency: white noise of this share has up to 0.4


def test_resampling_loses_what_is_finer_than_the_factor():
    depth = torch.zeros(1, 1, 40, 40)
    depth[..., ::2] = 10
    result = perturb(depth, depth * 0, batch(resample=torch.tensor([4.0])))
    assert torch.allclose(result, torch.full_like(result, 5), atol=1e-3)


def test_holes_are_the_components_that_do_not_touch_the_border():
    rng = np.random.default_rng(3)
    mask = (ndimage.gaussian_filter(rng.random((80, 80)), 2) > 0.49).astype(np.float32)
    labels, count = ndimage.label(mask < 0.5)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    areas = {i: (labels == i).sum() for i in range(1, count + 1) if i not in edge}
    largest = sorted((a for a in areas.values() if a <= 1600), reverse=True)[:MAX_HOLES]
    found = find_holes(mask)
    assert [int((found == i).sum()) for i in range(1, found.max() + 1)] == largest
    assert len(largest) > 2
