"""Models of the transformers library, from a folder on disk: no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from maskdepth_cli.errors import UsageError, WeightsError
from maskdepth_cli.networks.timm_import import import_timm
from maskdepth_cli.side.loading import load_predictor

import_timm()  # transformers imports torchvision, too
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = transformers.DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=64,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
    )
    path = tmp_path_factory.mktemp("hub")
    model = transformers.DPTForDepthEstimation(config)
    model.head.head[4].bias.data.fill_(1.0)
    model.save_pretrained(path)
    transformers.DPTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(path)
    return path


@pytest.mark.usefixtures("no_sockets")
def test_predicts_as_transformers_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKDEPTH_OFFLINE", "1")
    predictor = load_predictor(f"hf:{folder}", device="cpu")
    photo = np.random.default_rng(0).integers(0, 256, (48, 80, 3)).astype(np.uint8)
    found = predictor.predict(photo.astype(np.float32) / 255)
    model = transformers.DPTForDepthEstimation.from_pretrained(folder).eval()
    processor = transformers.DPTImageProcessor.from_pretrained(folder)
    with torch.inference_mode():
        outputs = model(**processor(images=photo, return_tensors="pt"))
    small = outputs.predicted_depth[None]
    size = (48, 80)
    expected = torch.nn.functional.interpolate(small, size=size, mode="bicubic")[0, 0].numpy()
    expected = np.clip(expected, small.min().item(), small.max().item())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_depth_is_inverted_where_the_model_gives_depth(folder: Path) -> None:
    photo = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    inverse = load_predictor(f"hf:{folder}", device="cpu").predict(photo)
    depth = load_predictor(f"hf:{folder}", device="cpu", model_gives="depth").predict(photo)
    np.testing.assert_allclose(depth, 1 / inverse, rtol=1e-5)


def test_a_model_that_does_not_tell_what_it_gives_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskdepth_cli.side.hugging_face.RELATIVE", ())
    with pytest.raises(UsageError, match="--model-gives"):
        load_predictor(f"hf:{folder}", device="cpu")


@pytest.mark.usefixtures("no_sockets")
def test_offline_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("MASKDEPTH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="MASKDEPTH_OFFLINE") as caught:
        load_predictor("hf:nobody/nothing")
    assert "\n" not in str(caught.value)
