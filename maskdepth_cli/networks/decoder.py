"""DPT's fusion decoder (Ranftl et al. 2021) and the low-level encoder beside it (paper Fig. 5)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from maskdepth_cli.networks.layers import Activated, upsample


class ResidualUnit(nn.Module):
    """Residual convolutional unit: ReLU, conv, ReLU, conv, plus the input. (B, C, H, W) kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Refine features."""
        hidden = self.conv1(functional.relu(x))
        refined: Tensor = self.conv2(functional.relu(hidden))
        return refined + x


class FusionBlock(nn.Module):
    """Adds a level's features to the coarser result, refines, and doubles the resolution."""

    def __init__(self, channels: int, *, fuses: bool = True) -> None:
        super().__init__()
        self.skip_unit = ResidualUnit(channels) if fuses else None
        self.unit = ResidualUnit(channels)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, coarse: Tensor | None = None) -> Tensor:
        """Fuse ``x`` (B, C, H, W) with ``coarse`` of the same shape; returns (B, C, 2H, 2W)."""
        if self.skip_unit is not None and coarse is not None:
            x = self.skip_unit(x) + coarse
        return upsample(self.project(self.unit(x)))


class FusionDecoder(nn.Module):
    """Projects four levels to one width and fuses them coarse to fine."""

    def __init__(self, embed_dims: Sequence[int], channels: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Conv2d(dim, channels, 3, padding=1, bias=False) for dim in embed_dims
        )
        last = len(embed_dims) - 1
        self.fusions = nn.ModuleList(
            FusionBlock(channels, fuses=level < last) for level in range(last + 1)
        )

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Fuse levels at strides 4 to 32 into features (B, channels, H/2, W/2)."""
        fused = None
        for level in reversed(range(len(levels))):
            fused = self.fusions[level](self.projections[level](levels[level]), fused)
        assert fused is not None
        return fused


class LowLevelEncoder(nn.Module):
    """Shallow features of ``[depth, mask]`` so that the network does not forget its input.

    Parameters
    ----------
    half, full : int
        Channels at half and at full resolution. ``full = 0`` is the paper's authors' own: one
        strided 7x7 convolution.
    """

    def __init__(self, half: int, full: int) -> None:
        super().__init__()
        self.at_full: nn.Module | None = None
        if full:
            self.at_full = Activated(
                nn.Conv2d(2, full, 3, padding=1),
                nn.GELU(),
                nn.Conv2d(full, full, 3, padding=1),
                nn.GELU(),
            )
            self.at_half: nn.Module = Activated(
                nn.Conv2d(full, half, 3, stride=2, padding=1), nn.GELU()
            )
        else:
            self.at_half = nn.Sequential(
                nn.Conv2d(2, half, 7, stride=2, padding=3, bias=False),
                nn.BatchNorm2d(half),
                nn.ReLU(),
            )

    def forward(self, depth_mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """Encode (B, 2, H, W) to (B, half, H/2, W/2) and, where it exists, (B, full, H, W)."""
        if self.at_full is None:
            return self.at_half(depth_mask), None
        full = self.at_full(depth_mask)
        return self.at_half(full), full
