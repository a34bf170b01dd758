"""The refinement network: shapes, both forms, what it may and may not depend on."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from network_inputs import inputs

from maskdepth_cli.networks.completion import push_pull
from maskdepth_cli.networks.config import SIZES, read_config
from maskdepth_cli.networks.refinement import RefinementNetwork


@pytest.fixture(scope="module")
def completion():
    torch.manual_seed(0)
    return RefinementNetwork(replace(SIZES["tiny"], form="completion")).eval()


@pytest.fixture(scope="module")
def plain():
    torch.manual_seed(0)
    return RefinementNetwork(SIZES["tiny"]).eval()


@pytest.mark.parametrize("size", [(64, 96), (33, 50), (2, 2), (1, 40)])
@torch.no_grad()
def test_output_has_the_size_of_the_input(plain, completion, size):
    for network in (plain, completion):
        layer = network(*inputs(*size))
        assert layer.shape == (1, 1, *size)
        assert layer.isfinite().all()


@torch.no_grad()
def test_untrained_completion_is_a_classical_completion(completion):
    depth, mask, rgb = inputs()
    # Trust is the logistic of +-3 inside and outside the layer eroded by 3 pixels.
    trust = torch.full_like(mask, 1 / (1 + torch.e**3))
    trust[..., 16 + 3 : 32 - 3, 24 + 3 : 57 - 3] = 1 / (1 + torch.e**-3)
    completed = push_pull(depth, mask * trust, mask)
    kept = mask / (1 + torch.e**4)
    expected = kept * depth + (1 - kept) * completed
    assert torch.allclose(completion(depth, mask, rgb), expected, atol=1e-4)


@torch.no_grad()
def test_without_change_the_layer_keeps_the_given_depth_and_is_completed_beyond_it(completion):
    network = deepcopy(completion)
    network.revision[-1].bias[1] = -50
    depth, mask, rgb = inputs()
    layer, usual = network(depth, mask, rgb), completion(depth, mask, rgb)
    assert torch.allclose(layer[mask == 1], depth[mask == 1], atol=1e-4)
    assert torch.equal(layer[mask == 0], usual[mask == 0])


@torch.no_grad()
def test_items_of_a_batch_do_not_see_each_other(plain):
    depth, mask, rgb = inputs(items=2)
    alone = plain(depth[:1], mask[:1], rgb[:1])
    assert torch.allclose(plain(depth, mask, rgb)[:1], alone, atol=1e-4)


@torch.no_grad()
def test_every_input_matters(plain):
    depth, mask, rgb = inputs()
    layer = plain(depth, mask, rgb)
    for changed in ((depth + 1, mask, rgb), (depth, 1 - mask, rgb), (depth, mask, 1 - rgb)):
        assert (plain(*changed) - layer).abs().max() > 1e-4


def test_every_parameter_of_the_plain_form_is_trained(plain):
    network = RefinementNetwork(SIZES["tiny"])
    network(*inputs()).mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


def test_base_has_the_papers_sizes():
    config = SIZES["base"]
    assert config.embed_dims == (64, 128, 320, 512)
    assert config.depths == (3, 4, 18, 3)
    network = RefinementNetwork(config)
    strides = [network.encoder.depth_embed.proj.stride[0]]
    strides += [stage.downsample.proj.stride[0] for stage in network.encoder.stages]
    assert strides == [4, 2, 2, 2]
    assert network.encoder.rgb_embed.proj.in_channels == 4
    assert network.encoder.depth_embed.proj.in_channels == 2
    assert len(network.encoder.rgb_blocks) == 3


def test_configuration_survives_plain_data_and_refuses_unknown_names():
    config = replace(SIZES["small"], form="completion")
    data = {**config.__dict__, "embed_dims": list(config.embed_dims)}
    assert read_config(data) == config
    with pytest.raises(TypeError, match="colour"):
        read_config({"colour": 3})
