"""Gaussian blur with a sigma for each item of a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def gaussian_blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Blur each item by its own sigma; 0 leaves it.

    Parameters
    ----------
    x : Tensor
        (B, 1, H, W).
    sigma : Tensor
        (B,) in pixels.
    """
    sigma = sigma.to(x.dtype)
    radius = max(int(torch.ceil(3 * sigma.max())), 1)
    offsets = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)  # (B, K)
    items = x.shape[0]
    blurred = functional.pad(x, (radius, radius, radius, radius), mode="replicate")
    blurred = blurred.view(1, items, *blurred.shape[-2:])
    blurred = functional.conv2d(blurred, kernel.view(items, 1, 1, -1), groups=items)
    blurred = functional.conv2d(blurred, kernel.view(items, 1, -1, 1), groups=items)
    return blurred.view_as(x)
