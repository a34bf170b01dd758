"""DPT (Ranftl et al. 2021), large and hybrid, under the official checkpoints' key names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskdepth_cli.networks.timm_import import import_timm
from maskdepth_cli.side.midas import Scratch

PATCH = 16


class ProjectReadout(nn.Module):
    """Concatenates the class token to every patch token and projects back: readout "project"."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(2 * width, width), nn.GELU())

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """Turn tokens (B, 1 + h w, C), the class token first, into a map (B, C, h, w)."""
        patches = tokens[:, 1:]
        readout = tokens[:, :1].expand_as(patches)
        projected: Tensor = self.project(torch.cat([patches, readout], dim=-1))
        return projected.transpose(1, 2).unflatten(2, size)


class Reassemble(nn.Sequential):
    """Tokens of one block as a feature map of its level's width and stride.

    Parameters
    ----------
    width : int
        Of the tokens.
    channels : int
        Of the level.
    level : int
        1 to 4: strides 4, 8, 16, 32.
    """

    def __init__(self, width: int, channels: int, level: int) -> None:
        resample = {
            1: nn.ConvTranspose2d(channels, channels, 4, stride=4),
            2: nn.ConvTranspose2d(channels, channels, 2, stride=2),
            4: nn.Conv2d(channels, channels, 3, stride=2, padding=1),
        }
        # The checkpoint counts a transposition and an unflattening as modules 1 and 2.
        layers = [
            ProjectReadout(width),
            nn.Identity(),
            nn.Identity(),
            nn.Conv2d(width, channels, 1),
        ]
        super().__init__(*layers, *([resample[level]] if level in resample else []))

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:  # type: ignore[override]
        """Reassemble (B, 1 + h w, width)."""
        features: Tensor = self[0](tokens, size)
        for layer in list(self)[1:]:
            features = layer(features)
        return features


class DptNetwork(nn.Module):
    """A vision transformer, or a ResNet with one on top, under DPT's decoder.

    Parameters
    ----------
    vit : nn.Module
        timm's ``VisionTransformer``; a hybrid has ``patch_embed.backbone``.
    taps : sequence of int
        Indices of the blocks whose tokens are used, in order; the last ones of the four levels.
    channels : sequence of int
        Channels of the four levels.
    features : int
        Channels of the decoder.
    """

    def __init__(
        self, vit: Any, taps: Sequence[int], channels: Sequence[int], features: int = 256
    ) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.pretrained = nn.Module()
        self.pretrained.model = vit
        first = len(channels) - len(taps)  # levels before are the convolutional stages
        for level in range(first + 1, len(channels) + 1):
            part = Reassemble(vit.embed_dim, channels[level - 1], level)
            self.pretrained.add_module(f"act_postprocess{level}", part)
        self.scratch = Scratch(channels, [features] * 4, projects=True, head_corners=True)

    def forward(self, rgb: Tensor) -> Tensor:
        """Predict relative inverse depth.

        Parameters
        ----------
        rgb : Tensor
            (B, 3, H, W) scaled to [-1, 1]; H, W multiples of 32.

        Returns
        -------
        Tensor
            (B, 1, H, W), not negative, up to scale and shift.
        """
        vit: Any = self.pretrained.model
        size = (rgb.shape[2] // PATCH, rgb.shape[3] // PATCH)
        levels, patches = self._convolutional(vit.patch_embed, rgb)
        tokens = vit.patch_embed.proj(patches).flatten(2).transpose(1, 2)  # (B, h w, C)
        tokens = torch.cat([vit.cls_token.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        tokens = tokens + resize_positions(vit.pos_embed, size)
        for index, block in enumerate(vit.blocks):
            tokens = block(tokens)
            if index in self.taps:
                part = self.pretrained.get_submodule(f"act_postprocess{len(levels) + 1}")
                levels.append(part(tokens, size))
        inverse_depth: Tensor = self.scratch(levels)
        return inverse_depth

    def _convolutional(self, embed: Any, rgb: Tensor) -> tuple[list[Tensor], Tensor]:
        """Features of a hybrid's first stages, and what the patch projection takes."""
        if not hasattr(embed, "backbone"):
            return [], rgb
        backbone, levels = embed.backbone, []
        x = backbone.stem(rgb)
        for stage in backbone.stages:
            x = stage(x)
            levels.append(x)
        return levels[: 4 - len(self.taps)], backbone.norm(x)


def resize_positions(positions: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample position embeddings (1, 1 + n n, C) to another grid, bilinear as in DPT's code."""
    grid = positions[:, 1:]
    side = math.isqrt(grid.shape[1])
    if size == (side, side):
        return positions
    grid = grid.transpose(1, 2).unflatten(2, (side, side))
    grid = functional.interpolate(grid, size=size, mode="bilinear", align_corners=False)
    return torch.cat([positions[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


def dpt_large() -> DptNetwork:
    """Build DPT-Large: ViT-L/16 at 384 (``dpt_large-midas-2f21e586.pt``)."""
    vit = import_timm().create_model("vit_large_patch16_384", pretrained=False)
    return DptNetwork(vit, (5, 11, 17, 23), (256, 512, 1024, 1024))


def dpt_hybrid() -> DptNetwork:
    """Build DPT-Hybrid: ResNet-50 stages and ViT-B/16 (``dpt_hybrid-midas-501f0c75.pt``)."""
    vit = import_timm().create_model("vit_base_r50_s16_384", pretrained=False)
    return DptNetwork(vit, (8, 11), (256, 512, 768, 768))
