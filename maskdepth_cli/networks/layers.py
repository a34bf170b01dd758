"""What torch's own layers compute, in fewer passes over memory."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from maskdepth_cli.networks.config import STRIDE
from maskdepth_cli.networks.unfilled import unfilled

_ONEDNN_NAMES: dict[type[nn.Module], tuple[str, str]] = {
    nn.GELU: ("gelu", "none"),
    nn.ReLU: ("relu", ""),
}

# For both pixels that one is doubled to: by how much the neighbour before, itself and the neighbour
# after come from the pixel before, the pixel itself and the one after.
_TAPS = (
    ((0.75, 0.25, 0), (0.25, 0.75, 0), (0, 0.75, 0.25)),
    ((0.25, 0.75, 0), (0, 0.75, 0.25), (0, 0.25, 0.75)),
)


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
        done = False  # whether the layer's work was done by the one before
        for layer, following in pairwise([*self, nn.Identity()]):
            fused = _ONEDNN_NAMES.get(type(following))
            if isinstance(layer, nn.Conv2d):
                x = _convolve(layer, x, dtype, *(fused or ("none", "")))
            elif not done:
                x = layer(x)
            done = isinstance(layer, nn.Conv2d) and fused is not None
        return x


def _fused_type(x: Tensor) -> torch.dtype | None:
    """Return the type in which oneDNN would compute, None where it cannot or must not."""
    if x.device.type != "cpu" or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return None
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    return dtype if _onednn_fuses(dtype) else None


@cache
def _onednn_fuses(dtype: torch.dtype) -> bool:
    """Tell whether the operator, which is not a public one, is there and does what it did."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return False
    with unfilled():
        layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.ones_(layer.weight)
    x = torch.linspace(-3, 3, 9).view(1, 1, 3, 3)
    try:
        if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return False
        found = _convolve(layer, x, dtype, *_ONEDNN_NAMES[nn.GELU])
    except (AttributeError, RuntimeError, TypeError):
        return False
    return torch.allclose(found.float(), functional.gelu(x), atol=0.02)


def _convolve(layer: nn.Conv2d, x: Tensor, dtype: torch.dtype, name: str, variant: str) -> Tensor:
    bias = None if layer.bias is None else layer.bias.to(dtype)
    sizes: list[Any] = [layer.padding, layer.stride, layer.dilation]
    result: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x.to(dtype), layer.weight.to(dtype), bias, *sizes, layer.groups, name, [], variant
    )
    return result


def without_norms(network: nn.Module) -> nn.Module:
    """Return a network for inference whose batch norms are part of the convolutions before them.

    Parameters
    ----------
    network : nn.Module
        Switched to evaluation. It stays as it is; the result is a copy if there is such a norm.
    """
    if not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules()):
        return network
    folded = deepcopy(network)
    for parent in list(folded.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Sequential:  # whose forward is the plain one
                setattr(parent, name, _folded(child))
    return folded


def _folded(layers: nn.Sequential) -> nn.Sequential:
    """Fold the norms of one sequence; its activations then come with the convolutions."""
    kept: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d) and kept and isinstance(kept[-1], nn.Conv2d):
            kept[-1] = fuse_conv_bn_eval(kept[-1], layer)
        else:
            kept.append(layer)
    return layers if len(kept) == len(layers) else Activated(*kept)


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


class JoiningHead(nn.Sequential):
    """Doubles coarse features, joins fine ones to them, convolves 3x3, and activates with ReLU.

    Where nothing is trained on the CPU the joined features, the largest of the network, are never
    made: what the coarse ones contribute is computed before they are doubled.

    Parameters
    ----------
    coarse, fine : int
        Channels at half and at full resolution; 0 fine ones are none.
    channels : int
        Of the result.
    """

    def __init__(self, coarse: int, fine: int, channels: int) -> None:
        super().__init__(nn.Conv2d(coarse + fine, channels, 3, padding=1), nn.ReLU())

    def forward(self, coarse: Tensor, fine: Tensor | None) -> Tensor:  # type: ignore[override]
        """Return (B, channels, 2H, 2W) from (B, coarse, H, W) and (B, fine, 2H, 2W)."""
        convolution = cast(nn.Conv2d, self[0])
        dtype = _fused_type(coarse)
        if dtype is None:
            features = upsample(coarse)
            joined = features if fine is None else torch.cat([features, fine], dim=1)
            return functional.relu(convolution(joined))
        weight = convolution.weight.to(dtype)
        bias = cast(Tensor, convolution.bias).to(dtype)
        split = coarse.shape[1]
        result = convolve_upsampled(coarse.to(dtype), weight[:, :split])
        if fine is None:
            result += bias.view(-1, 1, 1)
        else:
            result += functional.conv2d(fine, weight[:, split:], bias, padding=1)
        return result.relu_()


def convolve_upsampled(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve `upsample` (x) with zeros around it, without making it.

    A pixel of the doubled image and its neighbours come from 3x3 pixels of the image: a kernel of
    this size for each of the four places in a doubled pixel. Pixels at the border, where `upsample`
    repeats the edge and the convolution meets zeros, are made from doubled strips.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W), sides of at least 2.
    weight : Tensor
        (O, C, 3, 3), of the type of ``x``.

    Returns
    -------
    Tensor
        (B, O, 2H, 2W).
    """
    taps = x.new_tensor(_TAPS, dtype=torch.float32)
    kernels = torch.einsum("ocij,aiy,bjx->abocyx", weight.float(), taps, taps)
    places = functional.conv2d(x, kernels.flatten(0, 2).to(x.dtype), padding=1)
    result = places.permute(0, 2, 3, 1).unflatten(-1, (2, 2, -1))  # (B, H, W, 2, 2, O)
    result = result.transpose(2, 3).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
    for axis in (-2, -1):
        for near, far in ((0, 0), (x.shape[axis] - 2, 2 * x.shape[axis] - 2)):
            strip = functional.conv2d(upsample(x.narrow(axis, near, 2)), weight, padding=1)
            result.narrow(axis, far, 2).copy_(strip.narrow(axis, far - 2 * near, 2))
    return result


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


def pad_to_stride(x: Tensor) -> Tensor:
    """Pad bottom and right to multiples of 32, by reflection where the image is large enough."""
    bottom, right = (-size % STRIDE for size in x.shape[-2:])
    mode = "reflect" if bottom < x.shape[-2] and right < x.shape[-1] else "replicate"
    return functional.pad(x, (0, right, 0, bottom), mode=mode)
