"""The encoder of `lite` against timm's, and the start of its training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from maskdepth_cli.errors import WeightsError
from maskdepth_cli.networks.timm_import import import_timm
from maskdepth_cli.side.efficientnet import CHANNELS, EfficientNetLite0
from maskdepth_cli.side.lite import LiteConfig, LiteNetwork
from maskdepth_cli.side.models import find_side_model, load_side_model
from maskdepth_cli.training.side import load_imagenet_encoder


@pytest.fixture(scope="module")
def embedded() -> EfficientNetLite0:
    encoder = load_side_model(find_side_model("lite")).network.encoder
    assert isinstance(encoder, EfficientNetLite0)
    return encoder


@pytest.mark.parametrize("shape", [(64, 96), (65, 99), (33, 30)])
def test_the_embedded_encoder_gives_what_timm_gives(
    embedded: EfficientNetLite0, shape: tuple[int, int]
) -> None:
    theirs = import_timm().create_model(
        "tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=(1, 2, 3, 4)
    )
    theirs.load_state_dict(embedded.state_dict())
    image = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected, found = theirs.eval()(image), embedded(image)
    assert [level.shape[1] for level in found] == list(CHANNELS)
    for ours, level in zip(found, expected, strict=True):
        assert level.abs().max() > 1
        torch.testing.assert_close(ours, level, rtol=1e-5, atol=1e-5)


def imagenet_file(encoder: EfficientNetLite0, path: Path) -> dict[str, Tensor]:
    """Write the encoder as the published checkpoint has it: other names, the classifier last."""
    state = {f"module.{i}": value for i, value in enumerate(encoder.state_dict().values())}
    torch.save(state | {"head": torch.zeros(1280, 320, 1, 1), "fc": torch.zeros(1000)}, path)
    return dict(encoder.state_dict())


def test_training_starts_from_a_file_of_other_names(tmp_path: Path) -> None:
    torch.manual_seed(1)
    expected = imagenet_file(EfficientNetLite0(), tmp_path / "imagenet.pth")
    network = LiteNetwork(LiteConfig(8, 4))
    load_imagenet_encoder(network, tmp_path / "imagenet.pth")
    for name, value in network.encoder.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0)


def test_another_network_s_file_is_refused(tmp_path: Path) -> None:
    state = {f"module.{i}": value for i, value in enumerate(EfficientNetLite0().state_dict())}
    torch.save({name: torch.zeros(3) for name in state}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="not the weights of EfficientNet-Lite0"):
        load_imagenet_encoder(LiteNetwork(LiteConfig(8, 4)), tmp_path / "other.pth")
