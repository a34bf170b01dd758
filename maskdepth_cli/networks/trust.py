"""A small refinement network: which given depth to trust, and a completion guided by colour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, overload

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskdepth_cli.networks.completion import (
    WEIGHT_FLOOR,
    channels_last,
    complete_planes,
    push_pull,
    sum_cells,
)
from maskdepth_cli.networks.config import DEPTH_RANGE, IMAGENET_MEAN, IMAGENET_STD, TrustConfig
from maskdepth_cli.networks.layers import lowest_around, pad_to_stride

NEAR, FAR = 1, 5  # half-size pixels from the mask's boundary that the layers compared begin at
FEWER, FEWEST = 1e-3, 1e-6  # weight of what lies nearer to it, where nothing lies farther in
SMALLEST_GAP = 0.02  # between both layers, of the range
CUES = 6  # channels beside depth, mask and colours
GAIN = 3.0  # of the head's outputs: they start small
TRUST_PRIOR = 1.0  # logit of trust before training
LEAST = 1e-6  # weight below which a cell has no value of its own
LEAST_RIDGE = 0.05  # squared cells
RESIDUAL = 0.3  # of the range for an output of 1
REVISION_CUES = 7  # channels beside the features


class LayerParts(NamedTuple):
    """A layer, and what it was made from. All (B, 1, H, W)."""

    layer: Tensor  # inverse depth in [0, 10]
    trust: Tensor  # logit: the given depth is right for this layer


class TrustNetwork(nn.Module):
    """Completes and corrects the depth of the region where the mask is 1 over the whole image.

    The same contract as `RefinementNetwork`, at a fraction of its cost and without timm. A U-Net at
    half size is shown, beside depth, mask and colours, where the given depth stands between both
    sides as they are far from the mask's boundary. It says how far every pixel's depth can be
    trusted inside the layer, and puts every pixel into bins of what belongs together. The layer is
    completed within each bin from the trusted pixels by planes (`complete_planes`); a pixel takes
    the mean of the bins it asks for, and a second, small U-Net at quarter size adds what is still
    missing.

    Parameters
    ----------
    config : TrustConfig
        Sizes.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: TrustConfig) -> None:
        super().__init__()
        self.config = config
        widths, bins = config.widths, config.bins
        self.body = _UNet(5 * 4 + CUES, widths, config.blocks)
        # Trust of 2x2 pixels, their weight as a source, bins that give and bins that are asked.
        self.head = nn.Conv2d(widths[0], 4 + 1 + 2 * bins, 1)
        self.revision = _UNet(
            widths[0] + REVISION_CUES, config.revision_widths, (1,) * len(config.revision_widths)
        )
        self.residual = nn.Conv2d(config.revision_widths[0], 1, 1)
        self.ridge = nn.Parameter(torch.zeros(bins))
        self.closeness_gain = nn.Parameter(torch.ones(1))
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.head.weight *= 0.3
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    @overload
    def forward(self, depth: Tensor, mask: Tensor, rgb: Tensor) -> Tensor: ...

    @overload
    def forward(
        self, depth: Tensor, mask: Tensor, rgb: Tensor, *, parts: Literal[True]
    ) -> LayerParts: ...

    def forward(
        self, depth: Tensor, mask: Tensor, rgb: Tensor, *, parts: bool = False
    ) -> Tensor | LayerParts:
        """Predict one layer.

        Parameters
        ----------
        depth : Tensor
            (B, 1, H, W) inverse depth in [0, 10], finite.
        mask : Tensor
            (B, 1, H, W) in [0, 1]; 1 = the layer to keep and to complete.
        rgb : Tensor
            (B, 3, H, W) in [0, 1]. Any size: padded to multiples of 32 inside.
        parts : bool
            Also give the trust that the layer was made with.

        Returns
        -------
        Tensor or LayerParts
            (B, 1, H, W) float32; the layer everywhere, in [0, 10] up to the residual.
        """
        height, width = depth.shape[-2:]
        padded = pad_to_stride(torch.cat([depth / DEPTH_RANGE, mask, rgb], dim=1).float())
        found = self._parts(padded[:, :1], padded[:, 1:2], padded[:, 2:])
        layer, trust = (part[..., :height, :width] for part in found)
        layer = layer * DEPTH_RANGE
        return LayerParts(layer, trust) if parts else layer

    def _parts(self, depth: Tensor, mask: Tensor, rgb: Tensor) -> LayerParts:
        """Predict at sizes that are multiples of 32, depth in [0, 1]."""
        colours = (rgb - self.mean) / (2 * self.std)
        half, half_mask, cues, behind = _cues(depth, mask)
        shown = _unshuffled(torch.cat([depth - 0.5, mask - 0.5, colours], dim=1))
        features = self.body(torch.cat([shown, channels_last(cues)], dim=1))
        bins = self.config.bins
        heads = GAIN * self.head(features).float()
        trust, source, giving, asking = heads.split([4, 1, bins, bins], dim=1)
        trust = functional.pixel_shuffle(trust, 2) + TRUST_PRIOR
        source = functional.interpolate(source, scale_factor=2.0, mode="nearest")
        own = mask if self.config.layered else torch.ones_like(mask)
        weight = own * torch.sigmoid(trust + source)
        filled, close, known, spread = self._filled(depth, weight, giving.softmax(dim=1), asking)
        differences = (4 * (filled - half), 4 * (filled - behind))
        seen = (filled - 0.5, *differences, close - 0.5, known - 0.5, half_mask - 0.5, 4 * spread)
        joined = sum_cells(features.float()), sum_cells(channels_last(torch.cat(seen, dim=1)))
        residual = self.residual(self.revision(torch.cat(joined, dim=1) / 4)).float()
        filled = filled + RESIDUAL * _enlarged(residual)
        return LayerParts(torch.lerp(_enlarged(filled), depth, own * torch.sigmoid(trust)), trust)

    def _filled(
        self, depth: Tensor, weight: Tensor, giving: Tensor, asking: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Complete by bins.

        Parameters
        ----------
        depth, weight : Tensor
            (B, 1, H, W) given depth and how far the layer may be made from it.
        giving, asking : Tensor
            (B, K, H/2, W/2) share of every bin in a pixel, and logits of what it asks for.

        Returns
        -------
        tuple of Tensor
            (B, 1, H/2, W/2) the layer; how close its sources are; how far a pixel is one itself;
            and how far the bins asked disagree.
        """
        known, given = (sum_cells(torch.cat([weight, weight * depth], dim=1)) / 4).split(1, dim=1)
        sums = sum_cells(channels_last(torch.cat([known * giving, given * giving], dim=1)))
        weights, weighted = (4 * sums).chunk(2, dim=1)  # of all pixels in a cell, by bins
        means = weighted / weights.clamp(min=WEIGHT_FLOOR)
        values = torch.where(weights > LEAST, means, sum_cells(sum_cells(depth)) / 16)
        ridge = functional.softplus(self.ridge) + LEAST_RIDGE
        planes, close = complete_planes(values, weights, ridge)
        planes, close = _enlarged(torch.cat([planes.clamp(0, 1), close], dim=1)).chunk(2, dim=1)
        share = (asking + self.closeness_gain * torch.log(close + LEAST)).softmax(dim=1)
        filled, closeness = ((share * maps).sum(dim=1, keepdim=True) for maps in (planes, close))
        spread = (share * (planes - filled).abs()).sum(dim=1, keepdim=True)
        return filled, closeness, known, spread


def _cues(depth: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compare the given depth with both sides as they are away from the mask's boundary.

    Returns
    -------
    tuple of Tensor
        At half size: the depth, the mask, the cues (B, 6, h, w), and the other side's completion.
    """
    sums = sum_cells(torch.cat([depth, mask, depth * mask], dim=1))
    half, half_mask, inside = (sums / 4).split(1, dim=1)
    outside = half - inside
    own = torch.where(half_mask > 1e-3, inside / half_mask.clamp(min=1e-4), half)
    rest = 1 - half_mask
    other = torch.where(rest > 1e-3, outside / rest.clamp(min=1e-4), half)
    near, far = lowest_around(half_mask, NEAR), lowest_around(half_mask, FAR)
    near_weight = near + FEWER * half_mask
    far_weight = far + FEWER * near + FEWEST * half_mask
    other_weight = lowest_around(rest, NEAR) + FEWER * rest
    completed = push_pull(
        torch.cat([own, own, other]), torch.cat([near_weight, far_weight, other_weight])
    )
    from_near, from_far, behind = completed.unflatten(0, (3, -1)).unbind(0)
    gap = from_far - behind
    share = (half - behind) / torch.where(gap.abs() < SMALLEST_GAP, SMALLEST_GAP, gap)
    differences = (half - from_far, from_near - from_far, half - behind, gap)
    cues = (*(4 * d for d in differences), share.clamp(-1, 2) - 0.5, far - 0.5)
    return half, half_mask, torch.cat(cues, dim=1), behind


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two 3x3 convolutions with batch norm beside the identity (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Refine features (B, C, H, W)."""
        return functional.relu(x + self.second(self.first(x)))


class _UNet(nn.Module):
    """Encoder and decoder with skips (Ronneberger et al. 2015); the result has the input's size."""

    def __init__(self, inputs: int, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        self.stem = _convolution(inputs, widths[0])
        self.levels = nn.ModuleList()
        for level, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            down = [_convolution(widths[level - 1], width, stride=2)] if level else []
            self.levels.append(nn.Sequential(*down, *(_Residual(width) for _ in range(count))))
        pairs = list(pairwise(widths))
        self.reductions = nn.ModuleList(nn.Conv2d(c, f, 1, bias=False) for f, c in pairs)
        self.joins = nn.ModuleList(_convolution(2 * f, f) for f, _ in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (B, inputs, H, W) into (B, widths[0], H, W)."""
        x = self.stem(x)
        skips = []
        for level in self.levels:
            x = level(x)
            skips.append(x)
        steps = zip(self.reductions, self.joins, skips[:-1], strict=True)
        for reduction, join, skip in reversed(list(steps)):
            x = functional.interpolate(
                reduction(x), size=skip.shape[-2:], mode="bilinear", align_corners=False
            )
            x = join(torch.cat([x, skip], dim=1))
        return x


def _enlarged(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def _unshuffled(x: Tensor) -> Tensor:
    """Do as `pixel_unshuffle` by 2, in one copy to the layout with channels last."""
    corners = [x[..., i::2, j::2].permute(0, 2, 3, 1) for i in (0, 1) for j in (0, 1)]
    return torch.stack(corners, dim=-1).flatten(3).permute(0, 3, 1, 2)
