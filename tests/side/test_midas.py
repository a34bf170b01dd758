"""MiDaS v2.1 against an explicit forward pass written from the official key names alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional as f

from maskdepth_cli.networks.timm_import import import_timm
from maskdepth_cli.side.midas import MidasNetwork, Scratch, midas_v21, midas_v21_small, resnet_parts

State = Mapping[str, Tensor]


def randomise(network: torch.nn.Module) -> None:
    """Weights of a size that keeps the signal alive, and norms that are no identity."""
    generator = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var"):
            value.copy_(1 + 0.5 * noise.tanh())
        elif value.ndim > 1:
            value.copy_(noise * (2 / value[0].numel()) ** 0.5)
        else:
            value.copy_((1 if ".bn" in name and name.endswith("weight") else 0) + 0.2 * noise)
    network.state_dict()["scratch.output_conv.4.bias"].fill_(1.0)


def conv(s: State, name: str, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    weight = s[f"{name}.weight"]
    return f.conv2d(
        x, weight, s.get(f"{name}.bias"), stride, padding=weight.shape[-1] // 2, groups=groups
    )


def norm(s: State, name: str, x: Tensor) -> Tensor:
    scale = s[f"{name}.weight"] / (s[f"{name}.running_var"] + 1e-5).sqrt()
    shift = s[f"{name}.bias"] - s[f"{name}.running_mean"] * scale
    return x * scale[:, None, None] + shift[:, None, None]


def stage(s: State, name: str, x: Tensor, stride: int) -> Tensor:
    block = 0
    while f"{name}.{block}.conv1.weight" in s:
        at, step = f"{name}.{block}", stride if block == 0 else 1
        groups = s[f"{at}.conv2.weight"].shape[0] // s[f"{at}.conv2.weight"].shape[1]
        y = f.relu(norm(s, f"{at}.bn1", conv(s, f"{at}.conv1", x)))
        y = f.relu(norm(s, f"{at}.bn2", conv(s, f"{at}.conv2", y, step, groups)))
        y = norm(s, f"{at}.bn3", conv(s, f"{at}.conv3", y))
        if f"{at}.downsample.0.weight" in s:
            x = norm(s, f"{at}.downsample.1", conv(s, f"{at}.downsample.0", x, step))
        x, block = f.relu(x + y), block + 1
    return x


def unit(s: State, name: str, x: Tensor) -> Tensor:
    x = f.relu(x)  # in place in the original: the skip below adds the rectified input
    return conv(s, f"{name}.conv2", f.relu(conv(s, f"{name}.conv1", x))) + x


def reference(s: State, rgb: Tensor) -> Tensor:
    x = f.relu(norm(s, "pretrained.layer1.1", conv(s, "pretrained.layer1.0", rgb, 2)))
    levels = [stage(s, "pretrained.layer1.4", f.max_pool2d(x, 3, 2, 1), 1)]
    for i in (2, 3, 4):
        levels.append(stage(s, f"pretrained.layer{i}", levels[-1], 2))
    path = None
    for i in (4, 3, 2, 1):
        skip = conv(s, f"scratch.layer{i}_rn", levels[i - 1])
        at = f"scratch.refinenet{i}"
        path = skip if path is None else path + unit(s, f"{at}.resConfUnit1", skip)
        path = f.interpolate(
            unit(s, f"{at}.resConfUnit2", path), scale_factor=2, mode="bilinear", align_corners=True
        )
    x = conv(s, "scratch.output_conv.0", path)
    x = f.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    x = f.relu(conv(s, "scratch.output_conv.2", x))
    return f.relu(conv(s, "scratch.output_conv.4", x))


@torch.inference_mode()
def test_forward_agrees_with_the_explicit_pass() -> None:
    import_timm()
    from timm.models.resnet import Bottleneck, ResNet

    backbone = ResNet(Bottleneck, (2, 1, 1, 1), num_classes=0, cardinality=32, base_width=8)
    scratch = Scratch([256, 512, 1024, 2048], [32] * 4, projects=False, rectified=True)
    network = MidasNetwork(resnet_parts(backbone), scratch).eval()
    randomise(network)
    rgb = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    expected = reference(network.state_dict(), rgb)
    assert expected.std() > 0.01 * expected.abs().max() > 0
    found = network(rgb)
    assert found.shape == (2, 1, 64, 96)
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


def test_keys_and_sizes_are_the_released_ones() -> None:
    with torch.device("meta"):
        state = midas_v21().state_dict()
    # Counts and bytes of midas_v21_384.pt: 666 tensors, 422,509,849 bytes with pickling.
    assert len(state) == 666
    assert sum(t.numel() * t.element_size() for t in state.values()) == pytest.approx(
        422.5e6, rel=2e-3
    )
    expected = {
        "pretrained.layer1.0.weight": (64, 3, 7, 7),
        "pretrained.layer1.1.running_mean": (64,),
        "pretrained.layer1.4.2.conv3.weight": (256, 256, 1, 1),
        "pretrained.layer3.22.conv2.weight": (1024, 32, 3, 3),
        "pretrained.layer4.0.downsample.1.num_batches_tracked": (),
        "scratch.layer4_rn.weight": (256, 2048, 3, 3),
        "scratch.refinenet4.resConfUnit1.conv1.bias": (256,),
        "scratch.output_conv.2.weight": (32, 128, 3, 3),
        "scratch.output_conv.4.weight": (1, 32, 1, 1),
    }
    assert {name: tuple(state[name].shape) for name in expected} == expected
    assert not any("out_conv" in name for name in state)


def test_small_has_the_released_keys() -> None:
    with torch.device("meta"):
        network = midas_v21_small()
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, 1, 64, 96)
    state = network.state_dict()
    expected = {
        "pretrained.layer1.0.weight": (32, 3, 3, 3),
        "pretrained.layer1.1.weight": (32,),
        "pretrained.layer1.3.0.conv_dw.weight": (32, 1, 3, 3),
        "pretrained.layer1.4.0.conv_pw.weight": (144, 24, 1, 1),
        "pretrained.layer4.1.0.conv_pwl.bias": None,
        "scratch.layer4_rn.weight": (512, 384, 3, 3),
        "scratch.refinenet4.out_conv.weight": (256, 512, 1, 1),
        "scratch.refinenet1.out_conv.weight": (64, 64, 1, 1),
        "scratch.output_conv.0.weight": (32, 64, 3, 3),
    }
    found = {name: tuple(state[name].shape) if name in state else None for name in expected}
    assert found == expected
