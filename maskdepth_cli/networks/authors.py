"""The structure of the paper authors' network, around our encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskdepth_cli.networks.config import (
    DEPTH_RANGE,
    IMAGENET_MEAN,
    IMAGENET_STD,
    STRIDE,
    RefinementConfig,
)
from maskdepth_cli.networks.decoder import LowLevelEncoder, ResidualUnit
from maskdepth_cli.networks.encoder import MaskGuidedEncoder
from maskdepth_cli.networks.layers import upsample

LINEAR = 768  # channels that each level is projected to before its convolution
CHANNELS = 256
LOW_LEVEL = 64


class LevelProjection(nn.Module):
    """One level's tokens linearly to 768 channels, then a 3x3 convolution to 256."""

    def __init__(self, width: int, *, bias: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(width, LINEAR)
        self.conv = nn.Conv2d(LINEAR, CHANNELS, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Project (B, C, H, W) to (B, 256, H, W)."""
        projected: Tensor = self.conv(self.linear(x.movedim(1, -1)).movedim(-1, 1))
        return projected


class Fusion(nn.Module):
    """Two residual units and doubled resolution, corners not aligned."""

    def __init__(self) -> None:
        super().__init__()
        self.units = nn.ModuleList([ResidualUnit(CHANNELS), ResidualUnit(CHANNELS)])

    def forward(self, skip: Tensor, coarse: Tensor | None) -> Tensor:
        """Fuse two (B, 256, H, W); returns twice the size."""
        fused = skip if coarse is None else coarse + self.units[0](skip)
        return upsample(self.units[1](fused))


class AuthorsNetwork(nn.Module):
    """The authors' network with our inputs and outputs; called as `RefinementNetwork` is.

    Its depth runs the other way: it takes and gives 10 where ours is 0.

    Parameters
    ----------
    head : sequence of int
        Channels of the head's three convolutions, such as (64, 32, 1).
    low_level_first : bool
        The low-level features join before the head's first convolution, else before its second.
    biases : bool
        The level projections' convolutions have biases.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        head: Sequence[int] = (64, 32, 1),
        *,
        low_level_first: bool = True,
        biases: bool = True,
    ) -> None:
        super().__init__()
        self.low_level_first = low_level_first
        config = RefinementConfig()  # base
        self.encoder = MaskGuidedEncoder(config)
        widths = config.embed_dims
        self.projections = nn.ModuleList(LevelProjection(width, bias=biases) for width in widths)
        self.fusions = nn.ModuleList(Fusion() for _ in widths)
        self.low_level = LowLevelEncoder(LOW_LEVEL, 0)
        first = CHANNELS + LOW_LEVEL * low_level_first
        second = head[0] + LOW_LEVEL * (not low_level_first)
        self.head = nn.ModuleList(
            [
                nn.Conv2d(first, head[0], 3, padding=1),
                nn.Conv2d(second, head[1], 3, padding=1),
                nn.Conv2d(head[1], head[2], 1),
            ]
        )
        # Not in the file: real values also where the network is built without initialising it.
        mean, std = (torch.tensor(v, device="cpu") for v in (IMAGENET_MEAN, IMAGENET_STD))
        self.register_buffer("mean", mean.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", std.view(1, 3, 1, 1), persistent=False)

    def forward(self, depth: Tensor, mask: Tensor, rgb: Tensor) -> Tensor:
        """Predict one layer.

        Parameters
        ----------
        depth, mask, rgb : Tensor
            (B, 1, H, W) inverse depth in [0, 10], (B, 1, H, W) in [0, 1], (B, 3, H, W) in [0, 1].

        Returns
        -------
        Tensor
            (B, 1, H, W) inverse depth of the layer in [0, 10].
        """
        height, width = depth.shape[-2:]
        stacked = torch.cat([DEPTH_RANGE - depth, mask, (rgb - self.mean) / self.std], dim=1)
        stacked = functional.pad(stacked, (0, -width % STRIDE, 0, -height % STRIDE), "replicate")
        depth_mask = stacked[:, :2]
        fused: Tensor | None = None
        levels = self.encoder(depth_mask, stacked[:, [2, 3, 4, 1]])
        for level in reversed(range(len(levels))):
            fused = self.fusions[level](self.projections[level](levels[level]), fused)
        low, _ = self.low_level(depth_mask)
        assert fused is not None
        features = self.head[0](torch.cat([fused, low], 1) if self.low_level_first else fused)
        if not self.low_level_first:
            features = torch.cat([features, low], 1)
        features = functional.relu(self.head[1](upsample(features)))
        reversed_depth = self.head[2](features).float().clamp(0, DEPTH_RANGE)
        layer: Tensor = DEPTH_RANGE - reversed_depth[..., :height, :width]
        return layer
