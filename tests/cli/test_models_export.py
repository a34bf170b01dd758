"""Exported networks compute what ours compute, on a real photo, without this package."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from maskdepth_cli.commands import model_export
from maskdepth_cli.commands.model_export import export_model
from maskdepth_cli.errors import UsageError, WeightsError
from maskdepth_cli.networks.building import build_network
from maskdepth_cli.networks.config import read_config
from maskdepth_cli.weights.refinement import find_weights, load_refinement
from maskdepth_cli.weights.tensors import load_tensors, save_tensors

EXAMPLES = Path(__file__).parents[2] / "examples"
SIZE = (96, 64)  # width, height


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return weights of the shipped network's form, small and without a layer that is still 0."""
    torch.manual_seed(0)
    shipped = read_config(load_tensors(find_weights("trust"))[1])
    config = replace(shipped, widths=(8,) * 5, blocks=(1,) * 5, bins=3, revision_widths=(8, 8, 8))
    network = build_network(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_tensors(path, network.state_dict(), asdict(config))
    return path


@pytest.fixture
def real():
    """Return depth, mask and photo of an example, as a batch of three: as it is, and turned."""
    photo = cv2.imread(str(EXAMPLES / "rooms/rgb/in_0022_a.jpg"))[..., ::-1] / 255
    instances = cv2.imread(str(EXAMPLES / "rooms/seg/in_0022_a.png"), cv2.IMREAD_UNCHANGED)
    depth = cv2.imread(str(EXAMPLES / "rooms/initial/in_0022_a.png"), cv2.IMREAD_UNCHANGED)
    arrays = [depth.astype(np.float32), (instances == instances.max()).astype(np.float32), photo]
    depth, mask, rgb = (cv2.resize(a, SIZE, interpolation=cv2.INTER_AREA) for a in arrays)
    depth = 10 * (depth - depth.min()) / np.ptp(depth)
    assert 0 < mask.mean() < 1

    def turned(array):
        one = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
        return np.stack([one, one[:, ::-1], one[:, :, ::-1]]).astype(np.float32)

    return {"depth": turned(depth), "mask": turned(mask), "rgb": turned(rgb)}


def wanted(path, inputs):
    network = load_refinement(path).eval()
    with torch.no_grad():
        return network(*map(torch.from_numpy, inputs.values())).numpy()


def test_onnx_gives_what_torch_gives_on_a_real_photo(small, real, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    target = tmp_path / "out/network.onnx"
    exported = export_model(str(small), target, width=SIZE[0], height=SIZE[1])
    assert exported.inputs["rgb"] == (None, 3, SIZE[1], SIZE[0])
    session = runtime.InferenceSession(target, providers=["CPUExecutionProvider"])
    (layer,) = session.run(["layer"], real)
    expected = wanted(small, real)
    assert np.ptp(expected) > 1
    assert np.abs(layer - expected).max() < 1e-3
    facts = json.loads(session.get_modelmeta().custom_metadata_map["maskdepth"])
    assert facts == {"network": "small.safetensors", "range": [0, 10]}
    assert [path.name for path in target.parent.iterdir()] == ["network.onnx"]


def test_pt2_gives_what_the_network_gives_on_a_real_photo(small, real, tmp_path, monkeypatch):
    target = tmp_path / "network.pt2"
    export_model(str(small), target, width=SIZE[0], height=SIZE[1])
    layer = torch.export.load(target).module()(*map(torch.from_numpy, real.values()))
    assert np.abs(layer.detach().numpy() - wanted(small, real)).max() < 1e-3
    # What computes something else than the network is not written.
    before = target.read_bytes()
    monkeypatch.setattr(model_export, "_exported", lambda traced: torch.export.load(target))
    with pytest.raises(WeightsError, match=r"differs from torch by .* it is not written"):
        export_model("trust", target, width=SIZE[0], height=SIZE[1])
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["network.pt2"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["trust", "-o", "x.tflite"], 2, "x.tflite: the name must end in .onnx or .pt2"),
        (["trust", "-o", "x.pt2", "--size", "640"], 2, "--size 640: give width and height"),
        (["tinny", "-o", "x.pt2"], 4, "tinny"),
        (["hf:a/b", "-o", "x.pt2"], 2, "transformers"),
    ],
)
def test_mistakes(maskdepth, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    ended = maskdepth("models", "export", *arguments)
    assert ended.code == code
    assert words in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"onnxruntime.*pip install 'maskdepth\[onnx\]'"):
        export_model("trust", tmp_path / "x.onnx")
