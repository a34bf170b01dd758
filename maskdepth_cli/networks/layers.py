"""What torch's own layers compute, in fewer passes over memory."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_ONEDNN_NAMES: dict[type[nn.Module], tuple[str, str]] = {
    nn.GELU: ("gelu", "none"),
    nn.ReLU: ("relu", ""),
}


class Activated(nn.Sequential):
    """Convolutions with their activations; where nothing is trained on the CPU, each pair at once.

    An activation is bound by memory, and GELU takes four times as long for large values as for
    small ones. oneDNN applies it to what a convolution leaves in registers, by the operator that
    torch's own compiler uses.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to (B, C, H, W)."""
        dtype = _fused_type(x)
        if dtype is None:
            result: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return result
        layers = [*self, nn.Identity()]
        for layer, following in pairwise(layers):
            if isinstance(layer, nn.Conv2d):
                attribute = _ONEDNN_NAMES.get(type(following), ("none", ""))
                x = _convolve(layer, x, dtype, *attribute)
            elif type(layer) not in _ONEDNN_NAMES:
                x = layer(x)
        return x


def _fused_type(x: Tensor) -> torch.dtype | None:
    """Return the type in which oneDNN would compute, None where it cannot or must not."""
    if x.device.type != "cpu" or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return None
    if not torch.backends.mkldnn.is_available():
        return None
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    if dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return dtype
    return dtype if dtype == torch.float32 else None


def _convolve(layer: nn.Conv2d, x: Tensor, dtype: torch.dtype, name: str, variant: str) -> Tensor:
    bias = None if layer.bias is None else layer.bias.to(dtype)
    sizes: list[Any] = [layer.padding, layer.stride, layer.dilation]
    result: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x.to(dtype), layer.weight.to(dtype), bias, *sizes, layer.groups, name, [], variant
    )
    return result


class ActivatedConv2d(nn.Conv2d):
    """A convolution followed by GELU, as in `Activated`."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and activate (B, C, H, W)."""
        dtype = _fused_type(x)
        if dtype is None:
            return functional.gelu(super().forward(x))
        return _convolve(self, x, dtype, *_ONEDNN_NAMES[nn.GELU])


def upsample(x: Tensor) -> Tensor:
    """Double height and width of (B, C, H, W), bilinear, corners not aligned.

    Torch's own kernel is slow for half precision on the CPU; there each side is doubled by itself.
    """
    if _fused_type(x) != torch.bfloat16 or x.dtype != torch.bfloat16:
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    x = x.permute(0, 2, 3, 1)
    for axis in (1, 2):
        last = x.shape[axis] - 1
        doubled = x.new_empty((*x.shape[: axis + 1], 2, *x.shape[axis + 1 :]))
        before, after = doubled.unbind(axis + 1)
        left, right = x.narrow(axis, 0, last), x.narrow(axis, 1, last)
        torch.lerp(right, left, 0.25, out=before.narrow(axis, 1, last))
        torch.lerp(left, right, 0.25, out=after.narrow(axis, 0, last))
        before.select(axis, 0).copy_(x.select(axis, 0))
        after.select(axis, last).copy_(x.select(axis, last))
        x = doubled.flatten(axis, axis + 1)
    return x.permute(0, 3, 1, 2)


def lowest_around(x: Tensor, radius: int) -> Tensor:
    """Smallest value within squares of ``2 radius + 1`` pixels around each, inside the image.

    Equal to ``-max_pool2d(-x, 2 * radius + 1, 1, radius)``, by minima of minima: its time grows
    with the logarithm of the radius, and several threads share one channel.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W).
    radius : int
        Of the square.
    """
    span = 2 * radius + 1
    for axis in (-2, -1):
        sides = [0, 0, radius, radius] if axis == -2 else [radius, radius, 0, 0]
        x = functional.pad(x, sides, value=torch.inf)
        reach = 1  # each value is the minimum of so many neighbours by now
        while reach < span:
            step = min(reach, span - reach)
            length = x.shape[axis] - step
            x = torch.minimum(x.narrow(axis, 0, length), x.narrow(axis, step, length))
            reach += step
    return x
