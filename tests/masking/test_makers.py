"""Networks that make masks: what they find, and lines for those that cannot be had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mask_networks import SIDE, brightness, segmentation

from maskdepth_cli.errors import UsageError, WeightsError
from maskdepth_cli.masking.makers import Maker, maker_of


def photo() -> np.ndarray:
    """Dark, with a bright square of a quarter of the area."""
    pixels = np.full((SIDE, SIDE, 3), 20, np.uint8)
    pixels[32:96, 32:96] = [220, 120, 20]
    return pixels


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return brightness(tmp_path / "own.onnx")


def test_names_in_place_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert maker_of(None) is None
    assert maker_of(Path("masks")) is None
    assert maker_of(Path("rembg")) == Maker("rembg", "u2net")
    assert maker_of(Path("rembg:isnet-anime")) == Maker("rembg", "isnet-anime")
    assert maker_of(Path("transformers:org/name")) == Maker("transformers", "org/name")
    with pytest.raises(UsageError, match="name is missing"):
        maker_of(Path("transformers:"))
    (tmp_path / "rembg").mkdir()
    assert maker_of(Path("rembg")) is None  # a folder of that name is what was meant


def test_rembg_with_a_file_of_ones_own(network: Path) -> None:
    (found,) = Maker("rembg", str(network)).load().find(photo())
    inside = np.zeros((SIDE, SIDE), bool)
    inside[34:94, 34:94] = True
    outside = np.ones((SIDE, SIDE), bool)
    outside[30:98, 30:98] = False
    assert found.mask[inside].min() > 0.75
    assert found.mask[outside].max() < 0.25


@pytest.mark.parametrize(
    ("model", "words"),
    [("nonsense", "has no such network; it has"), ("missing.onnx", "no such file")],
)
def test_networks_that_are_not_there(model: str, words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        Maker("rembg", model).load()


def test_offline_the_line_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKDEPTH_OFFLINE", "1")
    for name in ("U2NET_HOME", "REMBG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(WeightsError, match=r"u2net\.onnx is not in .*rembg d u2net"):
        Maker("rembg", "u2net").load()
    with pytest.raises(WeightsError, match="MASKDEPTH_OFFLINE forbids to download it"):
        Maker("transformers", "nobody/nothing").load()


def test_services_are_refused() -> None:
    with pytest.raises(UsageError, match="sends photos to a service"):
        Maker("rembg", "atlascloud").load()


def by_hand(folder: Path, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """The class of each pixel, from the network itself."""
    import torch
    from transformers import SegformerForSemanticSegmentation

    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    rgb = torch.tensor((pixels / 255 - mean) / deviation, dtype=torch.float32).permute(2, 0, 1)
    model = SegformerForSemanticSegmentation.from_pretrained(folder)
    with torch.no_grad():
        logits = model(rgb[None]).logits
    sized = torch.nn.functional.interpolate(logits, (SIDE, SIDE), mode="bilinear")
    classes = sized[0].argmax(0).numpy()
    names = model.config.id2label
    return {names[i]: (classes == i).astype(np.float32) for i in np.unique(classes)}


def test_transformers_finds_what_the_network_finds(tmp_path: Path) -> None:
    folder = segmentation(tmp_path / "network")
    found = {one.label: one.mask for one in Maker("transformers", str(folder)).load().find(photo())}
    expected = by_hand(folder, photo())
    assert found.keys() == expected.keys()
    for label, mask in expected.items():
        assert (found[label] != mask).mean() < 0.01
