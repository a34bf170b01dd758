"""`lite`: a small SIDE network, EfficientNet-Lite0 features under DPT's fusion decoder."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from maskdepth_cli.networks.config import check_sizes
from maskdepth_cli.networks.decoder import FusionDecoder
from maskdepth_cli.networks.layers import upsample
from maskdepth_cli.side.efficientnet import CHANNELS, EfficientNetLite0


@dataclass(frozen=True)
class LiteConfig:
    """Every number that shapes a `LiteNetwork`; stored in the weights file's metadata."""

    decoder_channels: int = 64
    head_channels: int = 32

    def __post_init__(self) -> None:
        check_sizes(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LiteConfig:
        """Build from parsed JSON or TOML; unknown names raise ``TypeError``."""
        if unknown := sorted(set(values) - {field.name for field in fields(cls)}):
            raise TypeError(f"unknown network settings: {', '.join(unknown)}")
        return cls(**values)


class LiteNetwork(nn.Module):
    """Image to relative inverse depth, in the manner of MiDaS v2.1 small (Ranftl et al. 2020).

    Parameters
    ----------
    config : LiteConfig
        Widths of the decoder and the head.
    """

    def __init__(self, config: LiteConfig | None = None) -> None:
        super().__init__()
        self.config = config or LiteConfig()
        channels, head = self.config.decoder_channels, self.config.head_channels
        self.encoder = EfficientNetLite0()
        self.decoder = FusionDecoder(CHANNELS, channels)
        self.half_head = nn.Conv2d(channels, head, 3, padding=1)
        self.full_head = nn.Conv2d(head, head, 3, padding=1)
        self.output = nn.Conv2d(head, 1, 1)

    def forward(self, rgb: Tensor) -> Tensor:
        """Predict.

        Parameters
        ----------
        rgb : Tensor
            (B, 3, H, W) RGB scaled to [-1, 1]; H and W multiples of 32.

        Returns
        -------
        Tensor
            (B, 1, H, W) inverse depth up to scale and shift, unbounded.
        """
        fused = self.decoder(self.encoder(rgb))  # (B, C, H/2, W/2)
        half = upsample(functional.relu(self.half_head(fused)))
        result: Tensor = self.output(functional.relu(self.full_head(half)))
        return result

    def train(self, mode: bool = True) -> LiteNetwork:
        """Switch mode; the encoder's batch norms keep ImageNet's statistics.

        Batches of a few crops of few scenes would replace them by poorer ones.
        """
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self
