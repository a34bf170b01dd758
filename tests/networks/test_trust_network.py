"""The trust network: its contract, and the completion by planes against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network_inputs import inputs

from maskdepth_cli.networks.completion import complete_planes, push_pull
from maskdepth_cli.networks.config import TrustConfig, read_config
from maskdepth_cli.networks.trust import TrustNetwork

SMALL = TrustConfig(widths=(8,) * 5, blocks=(1,) * 5, bins=3, revision_widths=(8, 8, 8))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return TrustNetwork(SMALL).eval()


@pytest.mark.parametrize("size", [(64, 96), (33, 50), (2, 2), (1, 40)])
@torch.no_grad()
def test_output_has_the_size_of_the_input(network, size):
    parts = network(*inputs(*size), parts=True)
    for part in parts:
        assert part.shape == (1, 1, *size)
        assert part.isfinite().all()
    assert torch.equal(network(*inputs(*size)), parts.layer)


@torch.no_grad()
def test_items_of_a_batch_do_not_see_each_other(network):
    depth, mask, rgb = inputs(items=2)
    alone = network(depth[:1], mask[:1], rgb[:1])
    assert torch.allclose(network(depth, mask, rgb)[:1], alone, atol=1e-4)


@torch.no_grad()
def test_the_other_sides_depth_never_becomes_a_source(network):
    """A layer is made from what lies inside its mask: with one value there, it has that value."""
    depth, mask, rgb = inputs()
    depth = torch.where(mask > 0, 7.0, depth)
    assert torch.allclose(network(depth, mask, rgb), torch.tensor(7.0), atol=1e-3)


@torch.no_grad()
def test_colours_matter_only_for_what_is_not_trusted(network):
    depth, mask, rgb = inputs()
    change = (network(depth, mask, rgb) - network(depth, mask, 1 - rgb)).abs()
    assert change.max() > 1e-3


def test_every_parameter_is_trained():
    network = TrustNetwork(SMALL)
    parts = network(*inputs(items=2), parts=True)
    sum(part.mean() for part in parts).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


def test_configuration_survives_plain_data():
    data = {**SMALL.__dict__, "widths": list(SMALL.widths)}
    assert read_config(data) == SMALL
    with pytest.raises(TypeError, match="colour"):
        read_config({"form": "trust", "colour": 3})
    with pytest.raises(TypeError, match="widths"):
        read_config({"form": "trust", "widths": [8, 8]})


def known(share, side=(48, 80)):
    generator = torch.Generator().manual_seed(2)
    return (torch.rand(1, 1, *side, generator=generator) < share).float()


def test_a_plane_goes_on_where_it_is_not_known():
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(80.0), indexing="ij")
    plane = (0.2 + 0.004 * x + 0.006 * y)[None, None]
    weights = known(0.5)
    weights[..., 14:34, 25:55] = 0
    filled, close = complete_planes(plane * weights, weights, torch.tensor([1e-3]))
    flat = push_pull(plane, weights)
    hidden = np.s_[0, 0, 14:34, 25:55]
    assert (filled - plane)[hidden].abs().mean() < 0.1 * (flat - plane)[hidden].abs().mean()
    assert (close[weights > 0] == 1).all()
    assert close[0, 0, 24, 40] < close[0, 0, 16, 27] < 1


def test_a_large_ridge_gives_what_push_pull_gives_on_constant_regions():
    values = torch.full((1, 2, 37, 50), 0.25)
    values[:, 1] = 0.75
    weights = known(0.1, (37, 50)).repeat(1, 2, 1, 1)
    filled, _ = complete_planes(values, weights, torch.full((2,), 1e6))
    assert torch.allclose(filled, values, atol=1e-4)


def test_sums_at_odd_borders_are_those_of_the_pixels_there():
    """A map of 3 columns: the last column is alone in its cell, two pixels high."""
    values = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])[None, None]
    weights = torch.full_like(values, 0.1)
    filled = push_pull(values, weights)
    # Cells: 4 pixels of value 0 and weight 0.4, and 2 of value 1 and weight 0.2.
    top = (0.4 * 0 + 0.2 * 1) / 0.6
    left, right = 0.4 * 0 + 0.6 * top, 0.2 * 1 + 0.8 * top
    assert filled[0, 0, 0, 2] == pytest.approx(0.1 * 1 + 0.9 * right, abs=1e-5)
    assert filled[0, 0, 0, 0] == pytest.approx(0.1 * 0 + 0.9 * left, abs=1e-5)
