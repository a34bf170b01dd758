"""The authors' checkpoint: random weights under its names, loaded by the key map."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as f

from maskdepth_cli.errors import WeightsError
from maskdepth_cli.networks.authors import AuthorsNetwork
from maskdepth_cli.weights.authors import is_authors, load_authors
from maskdepth_cli.weights.refinement import load_refinement

RANDOM = torch.Generator().manual_seed(0)


def draw(*shape: int) -> Tensor:
    scale = 1.0 if len(shape) < 2 else (1 / torch.Size(shape[1:]).numel()) ** 0.5
    return torch.randn(shape, generator=RANDOM) * scale


def backbone() -> dict[str, Tensor]:
    """SegFormer's names (MiT-B3), with a second first stage; the depth stem has three inputs."""
    with torch.device("meta"):
        ours = AuthorsNetwork().encoder.state_dict()
    state = {}
    for name, value in ours.items():
        new = name.replace("mlp.dwconv.", "mlp.dwconv.dwconv.")
        new = re.sub(r"^rgb_(embed|blocks)\.", r"\1_refine.", new)
        new = re.sub(r"^depth_(embed|blocks)\.", r"\1.", new)
        new = re.sub(r"^embed(_refine)?\.", r"patch_embed1\1.", new)
        new = re.sub(r"^blocks(_refine)?\.", r"block1\1.", new)
        new = re.sub(r"^norm\.", "norm1.", new)
        for stage in (0, 1, 2):
            new = new.replace(f"stages.{stage}.downsample.", f"patch_embed{stage + 2}.")
            new = new.replace(f"stages.{stage}.blocks.", f"block{stage + 2}.")
            new = new.replace(f"stages.{stage}.norm.", f"norm{stage + 2}.")
        shape = list(value.shape)
        if new == "patch_embed1.proj.weight":
            shape[1] = 3
        state[f"depth_model.backbone.{new}"] = draw(*shape)
    return state


def authors_state() -> dict[str, Tensor]:
    state = backbone()
    head = "depth_model.decode_head."
    for level, width in enumerate((64, 128, 320, 512), 1):
        state[f"{head}linear_c{level}.proj.weight"] = draw(768, width)
        state[f"{head}linear_c{level}.proj.bias"] = draw(768)
        state[f"{head}layer{level}_rn.weight"] = draw(256, 768, 3, 3)
        for unit in (1, 2):
            for conv in (1, 2):
                name = f"{head}refinenet{level}.resConfUnit{unit}.conv{conv}"
                state[f"{name}.weight"] = 0.3 * draw(256, 256, 3, 3)
                state[f"{name}.bias"] = 0.1 * draw(256)
    for i, (before, after, side) in enumerate(((320, 64, 3), (64, 32, 3), (32, 1, 1))):
        state[f"{head}output_conv.{2 * i}.weight"] = draw(after, before, side, side)
        state[f"{head}output_conv.{2 * i}.bias"] = torch.full((after,), 5.0 if i == 2 else 0.0)
    state[f"{head}conv_seg.weight"] = draw(150, 64, 1, 1)
    state[f"{head}conv_seg.bias"] = draw(150)
    low = "depth_model.ll_enc."
    state[f"{low}conv.weight"] = draw(64, 2, 7, 7)
    state[f"{low}bn.weight"] = 1 + 0.1 * draw(64)
    state[f"{low}bn.bias"] = 0.1 * draw(64)
    state[f"{low}bn.running_mean"] = 0.1 * draw(64)
    state[f"{low}bn.running_var"] = 1 + 0.1 * draw(64).abs()
    state[f"{low}bn.num_batches_tracked"] = torch.tensor(7)
    return state


def conv(s: dict[str, Tensor], name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = s[f"{name}.weight"]
    return f.conv2d(x, weight, s.get(f"{name}.bias"), stride, padding=weight.shape[-1] // 2)


def reference(
    s: dict[str, Tensor], levels: list[Tensor], reversed_depth: Tensor, mask: Tensor
) -> Tensor:
    """Decoder, low-level encoder and head written from the names, given the encoder's levels."""
    head, path = "depth_model.decode_head.", None
    for i in (4, 3, 2, 1):
        x = levels[i - 1].permute(0, 2, 3, 1)
        x = f.linear(x, s[f"{head}linear_c{i}.proj.weight"], s[f"{head}linear_c{i}.proj.bias"])
        x = conv(s, f"{head}layer{i}_rn", x.permute(0, 3, 1, 2))
        for unit in (1, 2):
            at = f"{head}refinenet{i}.resConfUnit{unit}.conv"
            if unit == 1 and path is None:
                continue
            x = x + conv(s, f"{at}2", f.relu(conv(s, f"{at}1", f.relu(x))))
            if unit == 1:
                x = x + path
        path = f.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    low = conv(s, "depth_model.ll_enc.conv", torch.cat([reversed_depth, mask], 1), 2)
    low = f.batch_norm(
        low,
        *(
            s[f"depth_model.ll_enc.bn.{n}"]
            for n in ("running_mean", "running_var", "weight", "bias")
        ),
    )
    x = conv(s, f"{head}output_conv.0", torch.cat([path, f.relu(low)], 1))
    x = f.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return conv(s, f"{head}output_conv.4", f.relu(conv(s, f"{head}output_conv.2", x)))


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return authors_state()


@torch.inference_mode()
def test_the_file_is_recognised_and_runs_as_its_names_say(
    state: dict[str, Tensor], tmp_path: Path
) -> None:
    assert is_authors(state)
    path = tmp_path / "maskdepth_model.pth"
    torch.save({"state_dict": state}, path)
    network = load_refinement(path)
    assert isinstance(network, AuthorsNetwork)
    depth = 10 * torch.rand(1, 1, 64, 96, generator=RANDOM)
    mask = torch.rand(1, 1, 64, 96, generator=RANDOM).round()
    rgb = torch.rand(1, 3, 64, 96, generator=RANDOM)
    seen: list[list[Tensor]] = []
    network.encoder.register_forward_hook(lambda module, args, output: seen.append(output))
    found = network(depth, mask, rgb)
    # Its depth runs the other way: it sees 10 - depth, and what it gives is turned back.
    expected = 10 - reference(state, seen[0], 10 - depth, mask).clamp(0, 10)
    assert expected.std() > 0.05
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


@torch.inference_mode()
def test_three_inputs_of_the_depth_stem_become_two(state: dict[str, Tensor]) -> None:
    network = load_authors(state, Path("w.pth"))
    depth, mask = torch.rand(2, 1, 1, 32, 32, generator=RANDOM).unbind(0)
    weight = state["depth_model.backbone.patch_embed1.proj.weight"]
    bias = state["depth_model.backbone.patch_embed1.proj.bias"]
    expected = f.conv2d(torch.cat([depth, mask, mask], 1), weight, bias, 4, 3)
    found = network.encoder.depth_embed.proj(torch.cat([depth, mask], 1))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_levels_may_be_counted_from_the_coarsest(state: dict[str, Tensor]) -> None:
    def turned(name: str) -> str:
        return re.sub(
            r"(linear_c|layer|refinenet)([1-4])", lambda m: f"{m[1]}{5 - int(m[2])}", name
        )

    other = {turned(name): value for name, value in state.items()}
    found = load_authors(other, Path("w.pth")).state_dict()
    for name, value in load_authors(state, Path("w.pth")).state_dict().items():
        assert torch.equal(found[name], value), name


def test_a_file_that_is_laid_out_otherwise_is_refused(
    state: dict[str, Tensor], tmp_path: Path
) -> None:
    for change in ("missing", "unknown"):
        other = dict(state)
        if change == "missing":
            del other["depth_model.decode_head.layer2_rn.weight"]
        else:
            other["depth_model.backbone.extra.weight"] = torch.ones(1)
        with pytest.raises(WeightsError, match=r"w\.pth") as caught:
            load_authors(other, tmp_path / "w.pth")
        assert "\n" not in str(caught.value)
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="neither"):
        load_refinement(tmp_path / "w.pth")
