"""Perturbations that make a composite's depth look predicted (paper Fig. 3), batched in torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from maskdepth_cli.networks.refinement import DEPTH_RANGE
from maskdepth_cli.training.samples import Batch

HOLE_FEATHER = 1.5  # sigma in pixels of a filled hole's rim


def perturb(depth: Tensor, mask: Tensor, batch: Batch) -> Tensor:
    """Spoil inverse depth as SIDE networks do, by the numbers drawn with each sample.

    In this order: smooth displacement of the edges, grey dilation and erosion, Gaussian blur,
    human hole perturbation, down-up sampling, low-frequency multiplicative noise.

    Parameters
    ----------
    depth, mask : Tensor
        (B, 1, H, W) inverse depth in [0, 10] and the binary mask.
    batch : Batch
        The samples' drawn parameters.

    Returns
    -------
    Tensor
        (B, 1, H, W), in [0, 10] up to the noise's 5%.
    """
    noise = functional.interpolate(
        batch["noise"], size=depth.shape[-2:], mode="bicubic", align_corners=False
    ).clamp(-1, 1)
    spoilt = _displace(depth, noise[:, :2] * batch["elastic"].view(-1, 1, 1, 1).float())
    morphed = _morphology(spoilt, batch)
    spoilt = torch.where(batch["partial"].view(-1, 1, 1, 1) & (noise[:, 2:3] < 0), spoilt, morphed)
    spoilt = gaussian_blur(spoilt, batch["blur"])
    spoilt = fill_holes(spoilt, mask, batch["holes"], batch["hole_blend"])
    spoilt = _resample(spoilt, batch["resample"])
    return spoilt * (1 + noise[:, 3:4] * batch["drift"].view(-1, 1, 1, 1).float())


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


def fill_holes(depth: Tensor, mask: Tensor, holes: Tensor, blend: Tensor) -> Tensor:
    """Human hole perturbation (paper section 3.1): a hole takes a value towards its surroundings.

    Parameters
    ----------
    depth, mask : Tensor
        (B, 1, H, W).
    holes : Tensor
        (B, 1, H, W) labels, 0 = none.
    blend : Tensor
        (B, N): value of hole ``n + 1`` between the mean inside (0) and the mean around (1);
        NaN leaves the hole.

    Returns
    -------
    Tensor
        (B, 1, H, W) with every chosen hole set to one value, feathered at its rim.
    """
    filled = depth.clone()
    for item in range(depth.shape[0]):
        for label in range(1, int(holes[item].max()) + 1):
            share = blend[item, label - 1]
            inside = (holes[item : item + 1] == label).to(depth.dtype)
            if torch.isnan(share) or not inside.any():
                continue
            ring = functional.max_pool2d(inside, 9, stride=1, padding=4) * mask[item : item + 1]
            around = (depth[item] * ring).sum() / ring.sum().clamp(min=1)
            within = (depth[item] * inside).sum() / inside.sum()
            alpha = gaussian_blur(inside, depth.new_tensor([HOLE_FEATHER]))[0]
            filled[item] = torch.lerp(filled[item], torch.lerp(within, around, share), alpha)
    return filled


def _displace(depth: Tensor, displacement: Tensor) -> Tensor:
    """Sample ``depth`` at pixel positions moved by ``displacement`` (B, 2, H, W), in pixels."""
    if not displacement.any():
        return depth
    height, width = depth.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=depth.device, dtype=depth.dtype),
        torch.arange(width, device=depth.device, dtype=depth.dtype),
        indexing="ij",
    )
    grid = torch.stack(
        [
            (2 * (x + displacement[:, 0]) + 1) / width - 1,
            (2 * (y + displacement[:, 1]) + 1) / height - 1,
        ],
        dim=-1,
    )
    return functional.grid_sample(depth, grid, padding_mode="border", align_corners=False)


def _morphology(depth: Tensor, batch: Batch) -> Tensor:
    items = []
    for item, (dilation, erosion), erode_first in zip(
        depth.split(1), batch["kernels"].tolist(), batch["erode_first"].tolist(), strict=True
    ):
        steps = [(dilation, 1), (erosion, -1)]
        for size, sign in reversed(steps) if erode_first else steps:
            for kernel in ((size, 1), (1, size)):  # a square is separable
                padding = (kernel[0] // 2, kernel[1] // 2)
                item = sign * functional.max_pool2d(sign * item, kernel, 1, padding)
        items.append(item)
    return torch.cat(items)


def _resample(depth: Tensor, factors: Tensor) -> Tensor:
    items = []
    size = depth.shape[-2:]
    for item, factor in zip(depth.split(1), factors.tolist(), strict=True):
        if factor > 1:
            small = [max(round(side / factor), 1) for side in size]
            item = functional.interpolate(item, size=small, mode="area")
            item = functional.interpolate(item, size=size, mode="bicubic", align_corners=False)
        items.append(item)
    return torch.cat(items).clamp(0, DEPTH_RANGE)
