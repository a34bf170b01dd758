"""Perturbations that make a composite's depth look predicted (paper Fig. 3), batched in torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from maskdepth_cli.networks.config import DEPTH_RANGE
from maskdepth_cli.networks.layers import lowest_around
from maskdepth_cli.training.blurring import gaussian_blur
from maskdepth_cli.training.composition import Composite
from maskdepth_cli.training.hard_perturbation import err_hard
from maskdepth_cli.training.samples import Batch

HOLE_FEATHER = 1.5  # sigma in pixels of a filled hole's rim


def spoil(composite: Composite, batch: Batch) -> Tensor:
    """Spoil a composite's depth: softly or by hard decisions, as was drawn for each sample.

    Parameters
    ----------
    composite : Composite
        Depth in [0, 10], its layers and the mask.
    batch : Batch
        The samples' drawn parameters.

    Returns
    -------
    Tensor
        (B, 1, H, W), in [0, 10] up to the noise's 5%.
    """
    spoilt = composite.depth.clone()
    hard = batch["hard"]
    if not hard.all():
        soft = Batch({name: tensor[~hard] for name, tensor in batch.tensors.items()})
        spoilt[~hard] = perturb(composite.depth[~hard], composite.mask[~hard], soft)
    if hard.any():
        part = Batch({name: tensor[hard] for name, tensor in batch.tensors.items()})
        fields = functional.interpolate(
            part["fields"].float(), size=spoilt.shape[-2:], mode="bicubic", align_corners=False
        ).clamp(0, 1)
        erred = err_hard(
            composite.depth[hard],
            composite.foreground[hard],
            composite.background[hard],
            composite.mask[hard],
            fields,
            part["numbers"],
            part["fills"],
        )
        spoilt[hard] = _drift(erred.clamp(0, DEPTH_RANGE), part)
    return spoilt


def perturb(depth: Tensor, mask: Tensor, batch: Batch) -> Tensor:
    """Spoil inverse depth as older SIDE networks do, by the numbers drawn with each sample.

    In this order: smooth displacement of the edges, grey dilation and erosion, Gaussian blur,
    human hole perturbation, down-up sampling, low-frequency multiplicative noise.

    Parameters
    ----------
    depth, mask : Tensor
        (B, 1, H, W) inverse depth in [0, 10] and the mask.
    batch : Batch
        The samples' drawn parameters.

    Returns
    -------
    Tensor
        (B, 1, H, W), in [0, 10] up to the noise's 5%.
    """
    noise = _noise(batch, depth)
    spoilt = _displace(depth, noise[:, :2] * batch["elastic"].view(-1, 1, 1, 1).float())
    morphed = _morphology(spoilt, batch)
    spoilt = torch.where(batch["partial"].view(-1, 1, 1, 1) & (noise[:, 2:3] < 0), spoilt, morphed)
    spoilt = gaussian_blur(spoilt, batch["blur"])
    spoilt = fill_holes(spoilt, mask, batch["holes"], batch["hole_blend"])
    return _drift(_resample(spoilt, batch["resample"]), batch)


def _drift(depth: Tensor, batch: Batch) -> Tensor:
    share = batch["drift"].view(-1, 1, 1, 1).float()
    return depth * (1 + _noise(batch, depth)[:, 3:4] * share)


def _noise(batch: Batch, like: Tensor) -> Tensor:
    """Noise of the samples, (B, 4, H, W) in [-1, 1]: displacement x, y, partial mask, drift."""
    noise = batch["noise"]
    return functional.interpolate(
        noise, size=like.shape[-2:], mode="bicubic", align_corners=False
    ).clamp(-1, 1)


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
    labels = torch.arange(1, blend.shape[1] + 1, device=depth.device)
    found = labels <= holes.amax((1, 2, 3))[:, None]
    item, hole = (found & ~torch.isnan(blend)).nonzero(as_tuple=True)  # of K chosen holes
    if not len(item):
        return depth
    chosen = (hole + 1).view(-1, 1, 1, 1)
    inside = (holes[item] == chosen).to(depth.dtype)  # (K, 1, H, W)
    ring = -lowest_around(-inside, 4) * mask[item]
    around, within = (
        (depth[item] * region).sum((1, 2, 3)) / region.sum((1, 2, 3)).clamp(min=1)
        for region in (ring, inside)
    )
    value = torch.lerp(within, around, blend[item, hole]).view(-1, 1, 1, 1)
    alpha = gaussian_blur(inside, depth.new_full((len(item),), HOLE_FEATHER))
    # Where the rims of two holes meet, their values are averaged by weight.
    total = torch.zeros_like(depth).index_add_(0, item, alpha)
    values = torch.zeros_like(depth).index_add_(0, item, alpha * value)
    return torch.lerp(depth, values / total.clamp(min=1e-6), total.clamp(max=1))


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
    """Dilate and erode by squares, in each item's own order and sizes."""
    dilation, erosion = batch["kernels"].view(-1, 2, 1, 1, 1).unbind(1)
    erodes = batch["erode_first"].view(-1, 1, 1, 1)
    sign = torch.where(erodes, -1.0, 1.0)
    depth = _extreme(depth, sign, torch.where(erodes, erosion, dilation))
    return _extreme(depth, -sign, torch.where(erodes, dilation, erosion))


def _extreme(depth: Tensor, sign: Tensor, sizes: Tensor) -> Tensor:
    """Maximum (sign 1) or minimum (-1) over odd squares: so many times over 3x3 pixels."""
    signed = sign * depth
    for radius in range(1, int(sizes.max()) // 2 + 1):
        larger = functional.max_pool2d(signed, 3, stride=1, padding=1)
        signed = torch.where(sizes > 2 * radius, larger, signed)
    return sign * signed


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
