"""DPT against transformers' own, with random weights under the official key names."""

from __future__ import annotations

import re
from functools import partial

import pytest
import torch
from torch import Tensor

from maskdepth_cli.networks.timm_import import import_timm
from maskdepth_cli.side.dpt import DptNetwork, dpt_hybrid, dpt_large

import_timm()  # transformers imports torchvision, too
transformers = pytest.importorskip("transformers")

# transformers' names as regular expressions, and the official ones.
NAMES = [
    (r"dpt\.embeddings\.cls_token", r"pretrained.model.cls_token"),
    (r"dpt\.embeddings\.position_embeddings", r"pretrained.model.pos_embed"),
    (
        r"dpt\.embeddings\.(?:patch_embeddings\.)?projection\.",
        r"pretrained.model.patch_embed.proj.",
    ),
    (
        r"dpt\.embeddings\.backbone\.bit\.embedder\.convolution\.",
        r"pretrained.model.patch_embed.backbone.stem.conv.",
    ),
    (
        r"dpt\.embeddings\.backbone\.bit\.embedder\.norm\.",
        r"pretrained.model.patch_embed.backbone.stem.norm.",
    ),
    (
        r"dpt\.embeddings\.backbone\.bit\.encoder\.stages\.(\d+)\.layers\.(\d+)\.",
        r"pretrained.model.patch_embed.backbone.stages.\1.blocks.\2.",
    ),
    (
        r"dpt\.encoder\.layer\.(\d+)\.attention\.output\.dense\.",
        r"pretrained.model.blocks.\1.attn.proj.",
    ),
    (r"dpt\.encoder\.layer\.(\d+)\.intermediate\.dense\.", r"pretrained.model.blocks.\1.mlp.fc1."),
    (r"dpt\.encoder\.layer\.(\d+)\.output\.dense\.", r"pretrained.model.blocks.\1.mlp.fc2."),
    (r"dpt\.encoder\.layer\.(\d+)\.layernorm_before\.", r"pretrained.model.blocks.\1.norm1."),
    (r"dpt\.encoder\.layer\.(\d+)\.layernorm_after\.", r"pretrained.model.blocks.\1.norm2."),
    (r"dpt\.layernorm\.", r"pretrained.model.norm."),
    (r"head\.head\.", r"scratch.output_conv."),
]


def official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename transformers' tensors; query, key and value become one."""
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        if found := re.match(
            r"dpt\.encoder\.layer\.(\d+)\.attention\.attention\.query\.(\w+)", name
        ):
            parts = [state[name.replace("query", part)] for part in ("query", "key", "value")]
            renamed[f"pretrained.model.blocks.{found[1]}.attn.qkv.{found[2]}"] = torch.cat(parts)
        elif found := re.match(r"neck\.reassemble_stage\.readout_projects\.(\d)\.0\.(\w+)", name):
            renamed[f"pretrained.act_postprocess{int(found[1]) + 1}.0.project.0.{found[2]}"] = value
        elif found := re.match(r"neck\.reassemble_stage\.layers\.(\d)\.(\w+)\.(\w+)", name):
            index = {"projection": 3, "resize": 4}[found[2]]
            renamed[f"pretrained.act_postprocess{int(found[1]) + 1}.{index}.{found[3]}"] = value
        elif found := re.match(r"neck\.convs\.(\d)\.weight", name):
            renamed[f"scratch.layer{int(found[1]) + 1}_rn.weight"] = value
        elif found := re.match(r"neck\.fusion_stage\.layers\.(\d)\.(.+)", name):
            rest = found[2].replace("projection.", "out_conv.")
            rest = re.sub(r"residual_layer(\d)\.convolution(\d)", r"resConfUnit\1.conv\2", rest)
            renamed[f"scratch.refinenet{4 - int(found[1])}.{rest}"] = value
        elif ".attention.attention." not in name:
            new = name
            for pattern, replacement in NAMES:
                new = re.sub("^" + pattern, replacement, new)
            assert new != name, name
            renamed[new] = value
    return renamed


def randomised(config: object) -> torch.nn.Module:
    """transformers' model with weights that keep the signal alive through its ReLUs."""
    model = transformers.DPTForDepthEstimation(config).eval()
    generator = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        noise = torch.randn(value.shape, generator=generator)
        if value.ndim > 1 and "embeddings.position" not in name:
            value.copy_(noise * (2 / value[0].numel()) ** 0.5)
        else:
            value.copy_((1 if "norm" in name and name.endswith("weight") else 0) + 0.2 * noise)
    model.state_dict()["head.head.4.bias"].fill_(1.0)
    return model


def agree(model: torch.nn.Module, network: DptNetwork, rgb: Tensor, unused: set[str]) -> None:
    missing, unexpected = network.load_state_dict(official(model.state_dict()), strict=False)
    assert not unexpected
    assert set(missing) == unused
    # transformers takes a ViT's tokens for a square; tell it the grid.
    rows, columns = rgb.shape[2] // 16, rgb.shape[3] // 16
    neck = model.neck.forward
    model.neck.forward = lambda hidden_states, *_: neck(hidden_states, rows, columns)
    expected = model(pixel_values=rgb).predicted_depth[:, None]
    assert expected.std() > 0.01 * expected.abs().max() > 0
    found = network.eval()(rgb)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


@torch.inference_mode()
@pytest.mark.parametrize("size", [(64, 64), (64, 96)])  # the second resizes position embeddings
def test_large_agrees_with_transformers(size: tuple[int, int]) -> None:
    from timm.models.vision_transformer import VisionTransformer

    config = transformers.DPTConfig(
        hidden_size=48,
        num_hidden_layers=6,
        num_attention_heads=3,
        intermediate_size=192,
        image_size=64,
        backbone_out_indices=[1, 2, 4, 5],
        neck_hidden_sizes=[16, 24, 32, 40],
        fusion_hidden_size=32,
        layer_norm_eps=1e-6,  # timm's, with which the official weights were trained
    )
    vit = VisionTransformer(img_size=64, embed_dim=48, depth=6, num_heads=3, num_classes=0)
    network = DptNetwork(vit, (1, 2, 4, 5), (16, 24, 32, 40), features=32)
    rgb = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    agree(randomised(config), network, rgb, set())


@torch.inference_mode()
def test_hybrid_agrees_with_transformers() -> None:
    from timm.layers import HybridEmbed, StdConv2dSame
    from timm.models.resnetv2 import ResNetV2
    from timm.models.vision_transformer import VisionTransformer

    config = transformers.DPTConfig(
        is_hybrid=True,
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=192,
        image_size=64,
        backbone_out_indices=[0, 0, 1, 2],
        neck_hidden_sizes=[128, 256, 48, 48],
        fusion_hidden_size=32,
        reassemble_factors=[1, 1, 1, 0.5],
        backbone_featmap_shape=[1, 512, 4, 4],
        layer_norm_eps=1e-6,
        backbone_config={
            "model_type": "bit",
            "global_padding": "same",
            "layer_type": "bottleneck",
            "depths": [2, 1, 1],
            "hidden_sizes": [128, 256, 512],
            "embedding_size": 32,
            "out_features": ["stage1", "stage2", "stage3"],
            "embedding_dynamic_padding": True,
        },
    )
    backbone = ResNetV2(
        layers=(2, 1, 1),
        channels=(128, 256, 512),
        num_classes=0,
        global_pool="",
        preact=False,
        stem_type="same",
        stem_chs=32,
        conv_layer=partial(StdConv2dSame, eps=1e-8),
    )
    embed = partial(HybridEmbed, backbone=backbone)
    vit = VisionTransformer(
        img_size=64,
        patch_size=1,
        embed_dim=48,
        depth=3,
        num_heads=3,
        num_classes=0,
        embed_layer=embed,
    )
    network = DptNetwork(vit, (1, 2), (128, 256, 48, 48), features=32)
    rgb = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    agree(randomised(config), network, rgb, set())


HEAD = {"pretrained.model.head.weight", "pretrained.model.head.bias"}  # 1000 classes, unused


@pytest.mark.parametrize(
    ("build", "config", "parameters"),
    [
        (
            dpt_large,
            {
                "hidden_size": 1024,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "intermediate_size": 4096,
                "backbone_out_indices": [5, 11, 17, 23],
                "neck_hidden_sizes": [256, 512, 1024, 1024],
            },
            344.1e6,
        ),
        (
            dpt_hybrid,
            {
                "is_hybrid": True,
                "backbone_out_indices": [0, 1, 8, 11],
                "neck_hidden_sizes": [256, 512, 768, 768],
                "reassemble_factors": [1, 1, 1, 0.5],
            },
            123.1e6,
        ),
    ],
)
def test_full_networks_have_the_official_keys(build, config, parameters) -> None:  # type: ignore[no-untyped-def]
    with torch.device("meta"):
        state = build().state_dict()
        model = transformers.DPTForDepthEstimation(transformers.DPTConfig(**config))
    expected = {n: tuple(t.shape) for n, t in official(model.state_dict()).items()}
    assert {n: tuple(t.shape) for n, t in state.items() if n not in HEAD} == expected
    assert set(state) >= HEAD
    assert sum(t.numel() for t in state.values()) == pytest.approx(parameters, rel=1e-3)
