"""push_pull against closed forms and against a plain loop over the pyramid."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskdepth_cli.networks.completion import push_pull


def test_full_weight_keeps_every_value():
    values = torch.rand(2, 3, 13, 21)
    filled = push_pull(values, torch.ones(2, 1, 13, 21))
    assert torch.allclose(filled, values)


def test_one_known_pixel_fills_the_whole_map():
    values = torch.rand(1, 1, 37, 50)
    weights = torch.zeros(1, 1, 37, 50)
    weights[0, 0, 20, 11] = 1
    filled = push_pull(values, weights)
    assert torch.allclose(filled, values[0, 0, 20, 11].expand_as(filled), atol=1e-4)


def test_uniform_weights_of_any_size_give_the_mean_at_the_top():
    # Without weight anywhere, every pixel takes the plain mean of a power-of-two map.
    values = torch.rand(1, 1, 16, 16)
    filled = push_pull(values, torch.zeros(1, 1, 16, 16))
    assert torch.allclose(filled, values.mean().expand_as(filled), atol=1e-4)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_stays_within_the_range_of_the_known_values(share):
    generator = torch.Generator().manual_seed(3)
    values = torch.rand(1, 1, 40, 33, generator=generator) * 9 - 4
    weights = (torch.rand(1, 1, 40, 33, generator=generator) < share).float()
    filled = push_pull(values, weights)
    known = values[weights > 0]
    assert filled.min() >= known.min() - 1e-4
    assert filled.max() <= known.max() + 1e-4


def test_equals_a_loop_over_two_levels():
    rng = np.random.default_rng(0)
    values, weights = rng.random((2, 2)), rng.random((2, 2)) * 0.4
    mean = (values * weights).sum() / weights.sum()
    expected = weights * values + (1 - weights) * mean
    filled = push_pull(
        torch.tensor(values, dtype=torch.float32)[None, None],
        torch.tensor(weights, dtype=torch.float32)[None, None],
    )
    np.testing.assert_allclose(filled[0, 0].numpy(), expected, rtol=1e-5)


def test_gradients_reach_values_and_weights():
    values = torch.rand(1, 1, 8, 8, dtype=torch.float32, requires_grad=True)
    weights = torch.full((1, 1, 8, 8), 0.5, requires_grad=True)
    push_pull(values, weights).square().sum().backward()
    assert values.grad.abs().min() > 0
    assert weights.grad.abs().max() > 0


def test_a_region_far_from_any_weight_keeps_its_own_mean():
    """A bar without weight beside one weighty pixel of another value."""
    values = torch.zeros(1, 1, 128, 256)
    values[..., :8] = 9.0
    values[..., 8:] = 2.0
    weights, region = torch.zeros_like(values), torch.ones_like(values)
    weights[..., 64, 4] = 1.0
    free, held = push_pull(values, weights), push_pull(values, weights, region)
    assert free.min() > 8.9  # one pixel fills everything
    assert held[0, 0, 64, 4] == 9
    profile = held[0, 0, 64, [4, 20, 60, 120, 200, 250]]
    assert (profile.diff() < 0).all()  # its influence fades with the distance
    assert profile[-1] < 3


def test_a_region_hardly_matters_where_there_is_weight():
    generator = torch.Generator().manual_seed(1)
    values = torch.rand(1, 1, 64, 64, generator=generator)
    weights = (torch.rand(1, 1, 64, 64, generator=generator) < 0.2).float()
    change = push_pull(values, weights, torch.ones_like(values)) - push_pull(values, weights)
    assert change.abs().max() < 0.02
