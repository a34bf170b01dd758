"""EfficientNet-Lite0 as a pyramid of features: the encoder of `lite`, layers named as in timm."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

NORM_EPSILON = 1e-3  # of TensorFlow, in which the published weights were trained
STEM = 32


class Stage(NamedTuple):
    """One row of EfficientNet's table 1 without squeeze-and-excitation (Tan and Le, 2019)."""

    blocks: int
    kernel: int
    stride: int  # of its first block
    expansion: int
    channels: int
    tapped: bool  # the last stage of its resolution: a level of the pyramid


STAGES = (
    Stage(1, 3, 1, 1, 16, False),
    Stage(2, 3, 2, 6, 24, True),
    Stage(2, 5, 2, 6, 40, True),
    Stage(3, 3, 2, 6, 80, False),
    Stage(3, 5, 1, 6, 112, True),
    Stage(4, 5, 2, 6, 192, False),
    Stage(1, 3, 1, 6, 320, True),
)
CHANNELS = tuple(stage.channels for stage in STAGES if stage.tapped)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow pads: size / stride rounded up, an odd pixel last."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W)."""
        stride, kernel = self.stride[0], self.kernel_size[0]
        needed = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:]]
        (top, left), (bottom, right) = zip(*((n // 2, n - n // 2) for n in needed), strict=True)
        return super().forward(functional.pad(x, (left, right, top, bottom)))


class Block(nn.Sequential):
    """Widen 1x1, filter each channel by itself, narrow 1x1; plus the input where sizes agree."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        wide = channels * expansion
        depthwise = _convolution(wide, wide, kernel, stride, groups=wide)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion > 1:
            layers["conv_pw"] = nn.Conv2d(channels, wide, 1, bias=False)
            layers["bn1"] = _norm(wide)
            layers["act1"] = nn.ReLU6(inplace=True)
            layers["conv_dw"] = depthwise
            layers["bn2"] = _norm(wide)
            layers["act2"] = nn.ReLU6(inplace=True)
            layers["conv_pwl"] = nn.Conv2d(wide, out, 1, bias=False)
            layers["bn3"] = _norm(out)
        else:
            layers["conv_dw"] = depthwise
            layers["bn1"] = _norm(wide)
            layers["act1"] = nn.ReLU6(inplace=True)
            layers["conv_pw"] = nn.Conv2d(wide, out, 1, bias=False)
            layers["bn2"] = _norm(out)
        super().__init__(layers)
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to (B, C, H, W)."""
        result: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return x + result if self.shortcut else result


class EfficientNetLite0(nn.Module):
    """Image to four levels of features, as timm's ``tf_efficientnet_lite0`` with features only.

    References
    ----------
    Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML
    2019; the Lite variants leave out squeeze-and-excitation and bound activations by 6.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = _convolution(3, STEM, 3, 2)
        self.bn1 = _norm(STEM)
        self.blocks = nn.Sequential()
        channels = STEM
        for stage in STAGES:
            blocks = nn.Sequential()
            for index in range(stage.blocks):
                stride = stage.stride if index == 0 else 1
                blocks.append(
                    Block(channels, stage.channels, stage.kernel, stride, stage.expansion)
                )
                channels = stage.channels
            self.blocks.append(blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # He et al. 2015, by the outputs, as published
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                module.weight.data.mul_(module.groups**0.5)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Encode.

        Parameters
        ----------
        x : Tensor
            (B, 3, H, W) RGB scaled to [-1, 1].

        Returns
        -------
        list of Tensor
            (B, 24, 40, 112 and 320, H / s, W / s), s = 4, 8, 16, 32, rounded up.
        """
        x = functional.relu6(self.bn1(self.conv_stem(x)))
        levels = []
        for stage, blocks in zip(STAGES, self.blocks, strict=True):
            x = blocks(x)
            if stage.tapped:
                levels.append(x)
        return levels


def _convolution(channels: int, out: int, kernel: int, stride: int, groups: int = 1) -> nn.Conv2d:
    if stride == 1:
        return nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=False)
    return SameConv2d(channels, out, kernel, stride, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=NORM_EPSILON)
