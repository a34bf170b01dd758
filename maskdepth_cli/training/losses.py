"""The loss of both stages: L1 + L2 + multi-scale gradients (paper section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from maskdepth_cli.networks.layers import lowest_around
from maskdepth_cli.training.parallel import rank_mean
from maskdepth_cli.training.recipe import LossSettings


def refinement_loss(
    predicted: Tensor, target: Tensor, weight: Tensor, settings: LossSettings
) -> Tensor:
    """Weighted sum of the three terms over the pixels where ``weight`` is positive.

    Parameters
    ----------
    predicted, target : Tensor
        (B, 1, H, W) inverse depth in [0, 10].
    weight : Tensor
        (B, 1, H, W) >= 0; 0 where the target does not hold.
    settings : LossSettings
        Weights of the terms.

    Returns
    -------
    Tensor
        Scalar.
    """
    difference = predicted - target
    total = rank_mean(weight.sum()).clamp(min=1)
    l1 = (difference.abs() * weight).sum() / total
    l2 = (difference.square() * weight).sum() / total
    gradients = gradient_loss(difference, weight, settings.gradient_scales)
    return settings.l1 * l1 + settings.l2 * l2 + settings.gradient * gradients


def harm_loss(
    predicted: Tensor, initial: Tensor, target: Tensor, weight: Tensor, settings: LossSettings
) -> Tensor:
    """Mean of what the error exceeds the initial depth's by, beyond a margin.

    An unsure correction costs more than none: with extra weight ``harm`` a pixel is worth changing
    when gains are ``1 + harm`` times as likely as losses of the same size.

    Parameters
    ----------
    predicted, initial, target, weight : Tensor
        (B, 1, H, W), as for `refinement_loss`; ``initial`` is the depth that was given.
    settings : LossSettings
        Weight and margin.
    """
    excess = (predicted - target).abs() - (initial - target).abs() - settings.harm_margin
    return (
        settings.harm * (excess.clamp(min=0) * weight).sum() / rank_mean(weight.sum()).clamp(min=1)
    )


def gradient_loss(difference: Tensor, weight: Tensor, scales: int) -> Tensor:
    """Mean absolute gradient of the difference at strides 1, 2, 4, ..., summed over the scales.

    Li and Snavely, "MegaDepth", CVPR 2018, section 4: every stride-th pixel; a gradient counts
    where both of its pixels do, by the smaller of their weights.

    Parameters
    ----------
    difference, weight : Tensor
        (B, 1, H, W).
    scales : int
        Number of strides.
    """
    loss = difference.new_zeros(())
    for scale in range(scales):
        step = 2**scale
        d, w = difference[..., ::step, ::step], weight[..., ::step, ::step]
        both_x = torch.minimum(w[..., :, 1:], w[..., :, :-1])
        both_y = torch.minimum(w[..., 1:, :], w[..., :-1, :])
        along_x = ((d[..., :, 1:] - d[..., :, :-1]).abs() * both_x).sum()
        along_y = ((d[..., 1:, :] - d[..., :-1, :]).abs() * both_y).sum()
        loss = loss + (along_x + along_y) / rank_mean(w.sum()).clamp(min=1)
    return loss


def boundary_weight(mask: Tensor, settings: LossSettings) -> Tensor:
    """Weight of every pixel: 1, plus ``settings.boundary`` within reach of the mask's boundary.

    Parameters
    ----------
    mask : Tensor
        (B, 1, H, W), binary.
    """
    if not settings.boundary:
        return torch.ones_like(mask)
    return 1 + settings.boundary * variation(mask, settings.boundary_width)


def variation(mask: Tensor, reach: int) -> Tensor:
    """Largest less smallest value within a square of ``reach`` pixels around each; (B, 1, H, W).

    Of a binary mask 1 in the band around its boundary, 0 elsewhere.
    """
    return -lowest_around(-mask, reach) - lowest_around(mask, reach)
