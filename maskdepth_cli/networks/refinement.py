"""The refinement network ``R_m`` (paper section 3.3), in its plain and its completion form."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskdepth_cli.networks.completion import push_pull
from maskdepth_cli.networks.config import DEPTH_RANGE, IMAGENET_MEAN, IMAGENET_STD, RefinementConfig
from maskdepth_cli.networks.decoder import FusionDecoder, LowLevelEncoder
from maskdepth_cli.networks.encoder import MaskGuidedEncoder
from maskdepth_cli.networks.layers import Activated, JoiningHead, lowest_around, pad_to_stride

RIM = 3  # pixels of the layer's rim that are not trusted before training
TRUST_PRIOR = 3.0  # logit of trust: + inside the eroded layer, - on its rim
CHANGE_PRIOR = 4.0  # logit of change before training: the completion is taken nearly whole
CHANGE_GAIN = 8.0  # learning rate of the logit of change, whose sigmoid starts out flat


class RefinementNetwork(nn.Module):
    """Completes and corrects the depth of the region where the mask is 1 over the whole image.

    ``form = "plain"`` regresses the layer, as in the paper. ``form = "completion"`` predicts how
    far the given depth can be trusted inside the layer, completes the layer from what is trusted
    (`push_pull`), adds a residual, and goes back to the given depth where the completion, seen
    beside it, is likely to be worse; untrained it is close to a classical layered completion.

    Parameters
    ----------
    config : RefinementConfig
        Sizes and form.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: RefinementConfig) -> None:
        super().__init__()
        self.config = config
        channels, head = config.decoder_channels, config.head_channels
        self.encoder = MaskGuidedEncoder(config)
        self.decoder = FusionDecoder(config.embed_dims, channels)
        self.low_level = LowLevelEncoder(config.low_level_half, config.low_level_full)
        self.half_head = nn.Conv2d(channels + config.low_level_half, channels // 2, 3, padding=1)
        self.full_head = JoiningHead(channels // 2, config.low_level_full, head)
        self.output = nn.Conv2d(head, 1, 1)
        if config.form == "completion":
            self.revision = Activated(  # residual, and logit of change
                nn.Conv2d(head + 4, head, 3, padding=1),
                nn.GELU(),
                nn.Conv2d(head, head, 3, padding=1),
                nn.GELU(),
                nn.Conv2d(head, 2, 1),
            )
            for last in (self.output, self.revision[-1]):  # starts at the classical completion
                for parameter in last.parameters():
                    nn.init.zeros_(parameter)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, depth: Tensor, mask: Tensor, rgb: Tensor) -> Tensor:
        """Predict one layer.

        Parameters
        ----------
        depth : Tensor
            (B, 1, H, W) inverse depth in [0, 10], finite.
        mask : Tensor
            (B, 1, H, W) in [0, 1]; 1 = the layer to keep and to complete.
        rgb : Tensor
            (B, 3, H, W) in [0, 1]. Any size of at least 2x2: padded to multiples of 32 inside.

        Returns
        -------
        Tensor
            (B, 1, H, W) inverse depth of the layer, everywhere, float32, unbounded.
        """
        height, width = depth.shape[-2:]
        stacked = pad_to_stride(
            torch.cat([depth / DEPTH_RANGE, mask, (rgb - self.mean) / self.std], dim=1)
        )
        depth_mask = stacked[:, :2]
        features = self._features(depth_mask, stacked[:, [2, 3, 4, 1]])
        layer = self._layer(features, depth_mask[:, :1], depth_mask[:, 1:])
        return layer[..., :height, :width] * DEPTH_RANGE

    def _features(self, depth_mask: Tensor, rgb_mask: Tensor) -> Tensor:
        fused = self.decoder(self.encoder(depth_mask - 0.5, rgb_mask))  # (B, C, H/2, W/2)
        half, full = self.low_level(depth_mask)
        features = functional.relu(self.half_head(torch.cat([fused, half], dim=1)))
        result: Tensor = self.full_head(features, full)  # (B, head, H, W)
        return result

    def _layer(self, features: Tensor, depth: Tensor, mask: Tensor) -> Tensor:
        logit = self.output(features).float()
        if self.config.form == "plain":
            return logit
        interior = lowest_around(mask, RIM)
        trust = torch.sigmoid(logit + TRUST_PRIOR * (2 * interior - 1))
        completed = push_pull(depth, mask * trust, mask)
        known = torch.cat([completed, completed - depth, trust, mask], dim=1)
        # In the features' own type and order, or else all of them are converted twice.
        known = known.to(features.dtype, memory_format=torch.channels_last)
        revision = self.revision(torch.cat([features, known], dim=1)).float()
        residual, change = revision.split(1, dim=1)
        kept = mask * torch.sigmoid(
            -CHANGE_GAIN * change - CHANGE_PRIOR
        )  # beyond the layer nothing is given
        return torch.lerp(completed + residual, depth, kept)
