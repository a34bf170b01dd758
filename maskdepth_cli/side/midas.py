"""MiDaS v2.1 (Ranftl et al. 2020), large and small, under the official checkpoints' key names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from maskdepth_cli.networks.decoder import ResidualUnit
from maskdepth_cli.networks.timm_import import import_timm


class RefineNet(nn.Module):
    """One fusion level: adds the skip's residual unit, refines, doubles the size, projects.

    Parameters
    ----------
    channels : int
        Channels of both inputs.
    out_channels : int or None
        Channels of the 1x1 projection; ``None``: there is none.
    rectified : bool
        Residual units add their *rectified* input: in MiDaS v2.1 their first ReLU works in place,
        so the released weights were trained that way.
    """

    def __init__(self, channels: int, out_channels: int | None, *, rectified: bool) -> None:
        super().__init__()
        self.resConfUnit1 = ResidualUnit(channels)
        self.resConfUnit2 = ResidualUnit(channels)
        self.out_conv = nn.Conv2d(channels, out_channels, 1) if out_channels else nn.Identity()
        self.rectified = rectified

    def forward(self, coarse: Tensor | None, skip: Tensor) -> Tensor:
        """Fuse two (B, C, H, W); without ``coarse`` the skip goes through the second unit only."""
        fused = skip if coarse is None else coarse + self._unit(self.resConfUnit1, skip)
        fused = self._unit(self.resConfUnit2, fused)
        fused = functional.interpolate(fused, scale_factor=2, mode="bilinear", align_corners=True)
        projected: Tensor = self.out_conv(fused)
        return projected

    def _unit(self, unit: nn.Module, x: Tensor) -> Tensor:
        refined: Tensor = unit(functional.relu(x) if self.rectified else x)
        return refined


class Scratch(nn.Module):
    """Projections, fusion levels and head: everything behind the backbone.

    Parameters
    ----------
    in_channels : sequence of int
        Channels of the four levels, fine to coarse.
    channels : sequence of int
        Channels that each level is projected to.
    projects : bool
        Fusion levels end in a 1x1 projection (DPT, MiDaS small).
    rectified : bool
        See `RefineNet`.
    head_corners : bool
        The head's upsampling aligns corners.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int],
        *,
        projects: bool,
        rectified: bool = False,
        head_corners: bool = False,
    ) -> None:
        super().__init__()
        outs = [channels[0], *channels[:3]]  # a level's result has the next finer one's width
        for i, (before, width, out) in enumerate(zip(in_channels, channels, outs, strict=True), 1):
            self.add_module(f"layer{i}_rn", nn.Conv2d(before, width, 3, padding=1, bias=False))
            fusion = RefineNet(width, out if projects else None, rectified=rectified)
            self.add_module(f"refinenet{i}", fusion)
        self.output_conv = nn.Sequential(
            nn.Conv2d(channels[0], channels[0] // 2, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=head_corners),
            nn.Conv2d(channels[0] // 2, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 1, 1),
            nn.ReLU(),
        )

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Decode levels at strides 4, 8, 16, 32 to inverse depth (B, 1, H, W), not negative."""
        fused: Tensor | None = None
        for i in range(len(levels), 0, -1):
            skip = self.get_submodule(f"layer{i}_rn")(levels[i - 1])
            fused = self.get_submodule(f"refinenet{i}")(fused, skip)
        result: Tensor = self.output_conv(fused)
        return result


class MidasNetwork(nn.Module):
    """A convolutional backbone in four parts under MiDaS's decoder.

    Parameters
    ----------
    parts : sequence of nn.Module
        Backbone parts, each fed by the one before; their outputs have strides 4, 8, 16, 32.
    scratch : Scratch
        The decoder.
    """

    def __init__(self, parts: Sequence[nn.Module], scratch: Scratch) -> None:
        super().__init__()
        self.pretrained = nn.ModuleDict({f"layer{i}": part for i, part in enumerate(parts, 1)})
        self.scratch = scratch

    def forward(self, rgb: Tensor) -> Tensor:
        """Predict relative inverse depth.

        Parameters
        ----------
        rgb : Tensor
            (B, 3, H, W) normalised by ImageNet's mean and deviation; H, W multiples of 32.

        Returns
        -------
        Tensor
            (B, 1, H, W), not negative, up to scale and shift.
        """
        levels = []
        for part in self.pretrained.values():
            rgb = part(rgb)
            levels.append(rgb)
        inverse_depth: Tensor = self.scratch(levels)
        return inverse_depth


def midas_v21() -> MidasNetwork:
    """Build MiDaS v2.1 large: ResNeXt101-32x8d, 256 channels (``midas_v21_384.pt``)."""
    backbone = import_timm().create_model("resnext101_32x8d", pretrained=False, num_classes=0)
    scratch = Scratch([256, 512, 1024, 2048], [256] * 4, projects=False, rectified=True)
    return MidasNetwork(resnet_parts(backbone), scratch)


def resnet_parts(resnet: Any) -> list[nn.Module]:
    """Split timm's ResNet as the checkpoint numbers it: the stem is part of the first."""
    stem = nn.Sequential(resnet.conv1, resnet.bn1, resnet.act1, resnet.maxpool, resnet.layer1)
    return [stem, resnet.layer2, resnet.layer3, resnet.layer4]


def midas_v21_small() -> MidasNetwork:
    """Build MiDaS v2.1 small: EfficientNet-Lite3, widening levels (``midas_v21_small_256.pt``)."""
    net = import_timm().create_model("tf_efficientnet_lite3", pretrained=False, num_classes=0)
    # timm fuses the stem's activation into its norm; the checkpoint counts it as a module.
    stem = nn.Sequential(net.conv_stem, net.bn1, nn.Identity(), net.blocks[0], net.blocks[1])
    return MidasNetwork(
        [stem, net.blocks[2:3], net.blocks[3:5], net.blocks[5:]],
        Scratch([32, 48, 136, 384], [64, 128, 256, 512], projects=True),
    )
