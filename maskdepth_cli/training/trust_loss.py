"""The loss of a `TrustNetwork`: its layers and their composite, and the decisions behind them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskdepth_cli.networks.config import DEPTH_RANGE
from maskdepth_cli.networks.trust import LayerParts
from maskdepth_cli.training.composition import Composite
from maskdepth_cli.training.losses import variation
from maskdepth_cli.training.recipe import TrustSettings

FAR_WEIGHT = 0.25  # of pixels away from the mask's boundary, beside 1 more near it
TRUST_WEIGHTS = (0.15, 1.0, 5.0)  # anywhere, near the boundary, where the given depth is wrong
TRUST_REACH = (12, 30)  # pixels: near the boundary; where wrong depth counts
SHOWN = 0.05  # variation of a mask within a square that has its boundary in it


def trust_loss(
    network: nn.Module, given: Tensor, composite: Composite, settings: TrustSettings
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Loss of both passes.

    Which given pixels are right for their layer is known on composites, so the trust is trained
    itself, as well as through what it makes of the layers. With a mask whose edge is off the
    composite is made with the true one: a mask's edge is not the layers' to mend.

    Parameters
    ----------
    network : nn.Module
        A `TrustNetwork`.
    given : Tensor
        (B, 1, H, W) the spoilt depth, in [0, 10].
    composite : Composite
        The targets, in the same range.
    settings : TrustSettings
        Weights.
    """
    mask, shown = composite.mask, composite.given
    passes = torch.cat([shown, 1 - shown])
    parts: LayerParts = network(
        torch.cat([given, given]), passes, torch.cat([composite.rgb] * 2), parts=True
    )
    first, second = (parts.layer / DEPTH_RANGE).chunk(2)
    merged = mask * first + (1 - mask) * second

    depth, target = given / DEPTH_RANGE, composite.depth / DEPTH_RANGE
    near = FAR_WEIGHT + boundary(mask, settings.near)
    weight = near * composite.known
    error, given_error = (merged - target).abs(), (depth - target).abs()
    excess = functional.relu(error - given_error - settings.harm_margin)

    targets = torch.cat([composite.foreground, composite.background]) / DEPTH_RANGE
    known = torch.cat([composite.foreground_known, composite.background_known])
    layers = (torch.cat([first, second]) - targets).abs() * known * torch.cat([near, near])
    right = torch.exp(-(((torch.cat([depth, depth]) - targets) / settings.tolerance) ** 2))
    anywhere, around, wrong = TRUST_WEIGHTS
    close, far = (boundary(mask, reach).repeat(2, 1, 1, 1) for reach in TRUST_REACH)
    trusted = functional.binary_cross_entropy_with_logits(parts.trust, right, reduction="none")
    trusted = trusted * (anywhere + around * close + wrong * (1 - right) * far) * passes * known
    losses = {
        "composite": settings.composite * (error * weight).mean(),
        "harm": settings.harm * (excess * weight).mean(),
        "layers": settings.layers * layers.mean(),
        "trust": settings.trust * trusted.mean(),
    }
    return torch.stack(list(losses.values())).sum(), losses


def boundary(mask: Tensor, reach: int) -> Tensor:
    """1 within a square of ``reach`` pixels of the mask's boundary, 0 elsewhere; (B, 1, H, W)."""
    return (variation(mask, reach) > SHOWN).to(mask.dtype)
