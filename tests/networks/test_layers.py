"""Layers that save passes over memory compute what torch's own do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional

from maskdepth_cli.networks import layers
from maskdepth_cli.networks.config import TrustConfig
from maskdepth_cli.networks.layers import (
    Activated,
    ActivatedConv2d,
    JoiningHead,
    convolve_upsampled,
    lowest_around,
    upsample,
    without_norms,
)
from maskdepth_cli.networks.trust import TrustNetwork

TYPES = [(torch.float32, 1e-5), (torch.bfloat16, 0.03)]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def doubled(x):
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def assert_close(found, wanted, tolerance):
    assert found.shape == wanted.shape
    assert (found.float() - wanted.float()).abs().max() <= tolerance * wanted.abs().max()


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
def test_activations_within_convolutions_are_those_after_them(dtype, tolerance):
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 6, 3, stride=2, padding=1), nn.ReLU()
    )
    plain.append(nn.Conv2d(6, 2, 1))
    fused = Activated(*plain)
    x = 5 * noise(2, 3, 13, 18)
    with torch.no_grad():
        wanted = plain(x)
    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        assert_close(fused(x), wanted, tolerance)


@torch.no_grad()
def test_a_depthwise_convolution_is_activated_too():
    torch.manual_seed(0)
    layer = ActivatedConv2d(6, 6, 3, padding=1, groups=6)
    x = noise(1, 6, 9, 7)
    wanted = functional.gelu(functional.conv2d(x, layer.weight, layer.bias, padding=1, groups=6))
    assert_close(layer(x), wanted, 1e-5)


def test_gradients_flow_as_through_the_plain_layers():
    torch.manual_seed(0)
    head = JoiningHead(4, 2, 3)
    coarse, fine = noise(1, 4, 5, 6), noise(1, 2, 10, 12, seed=1)
    trained = head(coarse, fine)
    trained.sum().backward()
    weight = head[0].weight
    assert weight.grad is not None
    assert weight.grad.abs().max() > 0
    with torch.no_grad():
        assert_close(head(coarse, fine), trained, 1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
@pytest.mark.parametrize("size", [(2, 2), (2, 7), (5, 3), (16, 21)])
def test_doubling_has_the_values_of_torchs_own(size, dtype, tolerance):
    x = noise(2, 3, *size)
    with torch.inference_mode():
        assert_close(upsample(x.to(dtype)), doubled(x), tolerance)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(2, 2), (2, 5), (3, 4), (16, 31)])
def test_convolving_before_doubling_is_convolving_after(size):
    """Borders included, where doubling repeats the edge and the convolution sees zeros."""
    x, weight = noise(2, 5, *size), noise(7, 5, 3, 3, seed=1)
    wanted = functional.conv2d(doubled(x), weight, padding=1)
    assert_close(convolve_upsampled(x, weight), wanted, 1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("fine", [0, 2])
def test_joined_features_need_not_be_made(fine):
    torch.manual_seed(0)
    head = JoiningHead(4, fine, 3)
    coarse, sharp = noise(2, 4, 6, 5), noise(2, fine, 12, 10, seed=1) if fine else None
    joined = doubled(coarse) if sharp is None else torch.cat([doubled(coarse), sharp], dim=1)
    assert_close(head(coarse, sharp), functional.relu(head[0](joined)), 1e-5)


@pytest.mark.parametrize("radius", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (3, 40), (37, 53)])
def test_the_lowest_around_is_that_of_every_square(radius, size):
    x = noise(2, 3, *size)
    wanted = -functional.max_pool2d(-x, 2 * radius + 1, stride=1, padding=radius)
    assert torch.equal(lowest_around(x, radius), wanted)


@pytest.mark.parametrize("broken", [None, lambda *_: torch.zeros(1, 1, 3, 3)])
@torch.inference_mode()
def test_an_operator_that_is_gone_or_has_changed_is_not_used(monkeypatch, broken):
    """Torch does not promise it; the layers then run one after the other."""
    torch.manual_seed(0)
    fused = Activated(nn.Conv2d(3, 4, 3, padding=1), nn.GELU())
    x = noise(1, 3, 5, 6)
    wanted = functional.gelu(fused[0](x))
    operators = SimpleNamespace(mkldnn=SimpleNamespace())
    if broken:
        operators.mkldnn._convolution_pointwise = broken
    monkeypatch.setattr(torch, "ops", operators)
    layers._onednn_fuses.cache_clear()
    try:
        assert torch.equal(fused(x), wanted)
    finally:
        layers._onednn_fuses.cache_clear()


def test_batch_norms_become_part_of_the_convolutions_before_them():
    torch.manual_seed(0)
    network = TrustNetwork(TrustConfig())
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        for values in (norm.weight, norm.running_var):
            values.data.uniform_(0.5, 2)
        for values in (norm.bias, norm.running_mean):
            values.data.normal_()
    network.eval()
    folded = without_norms(network)
    assert norms
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    depth, mask, rgb = torch.rand(2, 5, 64, 96).split([1, 1, 3], dim=1)
    with torch.inference_mode():
        expected = network(10 * depth, mask, rgb)
        torch.testing.assert_close(folded(10 * depth, mask, rgb), expected, rtol=0, atol=2e-3)
        assert expected.std() > 0.1
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())  # untouched
    assert without_norms(folded) is folded
