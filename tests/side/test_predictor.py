"""The predictor around networks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maskdepth_cli.side.predictor import Predictor
from maskdepth_cli.side.preprocessing import Preprocessing
from maskdepth_cli.side.settings import PredictSettings

RULE = Preprocessing(64, "upper_bound", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Red(nn.Module):
    """Gives the red channel; notes the batches it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, rgb: Tensor) -> Tensor:
        self.seen.append(tuple(rgb.shape))
        return rgb[:, :1]


class LeftHalf(nn.Module):
    """Gives 1 in the left half of the input, whatever it shows."""

    def forward(self, rgb: Tensor) -> Tensor:
        result = torch.zeros_like(rgb[:, :1])
        result[..., : rgb.shape[-1] // 2] = 1
        return result


def on_cpu(network: nn.Module, **settings: object) -> Predictor:
    return Predictor(network, RULE, settings=PredictSettings(device="cpu", **settings))  # type: ignore[arg-type]


def ramp(height: int, width: int) -> np.ndarray:
    photo = np.zeros((height, width, 3), np.float32)
    photo[..., 0] = np.linspace(0.2, 0.8, width)
    return photo


@pytest.mark.parametrize("size", [(64, 64), (150, 300), (37, 41), (7, 200), (1, 1)])
def test_the_map_has_the_photos_size_and_place(size: tuple[int, int]) -> None:
    photo = ramp(*size)
    depth = on_cpu(Red()).predict(photo)
    assert depth.shape == size
    assert depth.dtype == np.float32
    # A linear ramp survives resizing but for its ends, where the border is repeated.
    np.testing.assert_allclose(depth, photo[..., 0], atol=0.02)


def test_photos_of_equal_network_size_share_batches() -> None:
    network = Red()
    sizes = [(64, 64), (32, 64), (128, 128), (20, 40), (64, 64)]
    photos = [np.full((*size, 3), i / 10, np.float32) for i, size in enumerate(sizes)]
    maps = on_cpu(network, batch_size=2).predict_many(photos)
    assert sorted(network.seen) == [(1, 3, 64, 64), (2, 3, 32, 64), (2, 3, 64, 64)]
    for i, (size, depth) in enumerate(zip(sizes, maps, strict=True)):  # in the photos' order
        np.testing.assert_allclose(depth, np.full(size, i / 10), atol=1e-6)
    assert on_cpu(network).predict_many([]) == []


def test_cubic_steps_do_not_overshoot() -> None:
    photo = np.zeros((200, 200, 3), np.float32)
    photo[:, 100:] = 1
    depth = on_cpu(Red()).predict(photo)
    assert depth.min() >= -0.1
    small = RULE(photo)[0]
    assert depth.min() >= small.min().item()
    assert depth.max() <= small.max().item()


def test_flip_averages_with_the_mirrored_photo() -> None:
    photo = np.zeros((64, 64, 3), np.float32)
    plain = on_cpu(LeftHalf()).predict(photo)
    assert (plain[:, :32].min(), plain[:, 32:].max()) == (1, 0)
    np.testing.assert_array_equal(on_cpu(LeftHalf(), tta="flip").predict(photo), 0.5)
    np.testing.assert_allclose(
        on_cpu(Red(), tta="flip").predict(ramp(64, 64)), ramp(64, 64)[..., 0], atol=1e-6
    )


def test_depth_becomes_inverse_depth() -> None:
    photo = np.full((64, 64, 3), 0.25, np.float32)
    photo[:32] = 0
    predictor = Predictor(Red(), RULE, depth_kind="depth", settings=PredictSettings(device="cpu"))
    depth = predictor.predict(photo)
    np.testing.assert_array_equal(depth[32:], 4.0)
    assert np.isnan(depth[:32]).all()  # no depth is known there


def test_bfloat16_stays_close() -> None:
    class Convolution(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 3, padding=1)

        def forward(self, rgb: Tensor) -> Tensor:
            return self.conv(rgb)

    torch.manual_seed(0)
    network = Convolution()
    photo = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    exact = on_cpu(network).predict(photo)
    half = on_cpu(network, precision="bf16").predict(photo)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - exact).max() < 0.02
