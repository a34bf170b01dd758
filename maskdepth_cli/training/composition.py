"""Composites of two RGB-D patches (paper section 3.1, Fig. 3), batched on the training device."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from maskdepth_cli.networks.config import DEPTH_RANGE
from maskdepth_cli.training.blurring import gaussian_blur
from maskdepth_cli.training.samples import Batch

OWN = 0.95  # a pixel of a paired sample is wholly one side's


class Composite(NamedTuple):
    """A batch of composites, in [0, 10]; (B, 1, H, W), ``rgb`` (B, 3, H, W)."""

    rgb: Tensor
    depth: Tensor  # D'
    mask: Tensor  # M
    given: Tensor  # the mask that the network is given: M, or M with an edge that is off
    foreground: Tensor  # D1, the target of the M layer
    background: Tensor  # D2, the target of the 1-M layer
    known: Tensor  # 1 where the depth is known
    foreground_known: Tensor  # 1 where the target holds, too: not on a paired sample's other side
    background_known: Tensor


def compose(batch: Batch) -> Composite:
    """Composite the two patches of each sample: ``D' = M D1 + (1-M) D2``, likewise the colours.

    Both layers share one affine map that brings ``D'`` to [0, 10]; hidden parts may lie outside.
    """
    mask = batch["mask"]
    front_scale, back_scale, offset = batch["layering"][..., None, None, None].unbind(1)
    foreground = batch["depth"][:, 0] * front_scale + offset
    background = batch["depth"][:, 1] * back_scale
    depth = mask * foreground + (1 - mask) * background
    low, high = depth.amin((1, 2, 3), keepdim=True), depth.amax((1, 2, 3), keepdim=True)
    scale = DEPTH_RANGE / (high - low).clamp(min=1e-6)
    seam = gaussian_blur(mask, batch["seam"] / 2)
    paired = batch["paired"].view(-1, 1, 1, 1)
    front_known, back_known = batch["known"].to(mask.dtype).unbind(1)
    return Composite(
        rgb=seam * batch["rgb"][:, 0] + (1 - seam) * batch["rgb"][:, 1],
        depth=(depth - low) * scale,
        mask=mask,
        given=batch["given"],
        foreground=(foreground - low) * scale,
        background=(background - low) * scale,
        known=torch.where(mask > 0.5, front_known, back_known),
        foreground_known=torch.where(paired, (mask > OWN).float(), 1.0) * front_known,
        background_known=torch.where(paired, (mask < 1 - OWN).float(), 1.0) * back_known,
    )
