"""The paper authors' checkpoint, from the user's disk, by a key map into our modules.

It was tested with a file made from the same assumptions only. Its licence is non-commercial and its
code was not looked at: the map rests on what is known of its
structure (three named parts, SegFormer's names in the backbone, shapes elsewhere), and refuses the
file where a tensor is left over or missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from maskdepth_cli.errors import WeightsError
from maskdepth_cli.weights.checkpoints import load_into

if TYPE_CHECKING:
    from torch import Tensor

    from maskdepth_cli.networks.authors import AuthorsNetwork

State = Mapping[str, "Tensor"]

ROOT = "depth_model."
MARK = "depth_model.backbone.patch_embed1_refine."
UNUSED = re.compile(r"decode_head\.conv_seg\.")  # 150 classes
LEVELS = 4

BACKBONE = (
    (r"patch_embed1_refine\.", "rgb_embed."),
    (r"patch_embed1\.", "depth_embed."),
    (r"block1_refine\.", "rgb_blocks."),
    (r"block1\.", "depth_blocks."),
    (r"norm1\.", "norm."),
)


def is_authors(state: State) -> bool:
    """Return whether tensors are those of the authors' network, by their names."""
    return any(name.startswith(MARK) for name in state)


def load_authors(state: State, path: Path) -> AuthorsNetwork:
    """Build the network around the tensors of the authors' checkpoint.

    Parameters
    ----------
    state
        Tensors by the authors' names.
    path
        For messages.

    Raises
    ------
    WeightsError
        A tensor is missing or is not understood.
    """
    from maskdepth_cli.networks.authors import AuthorsNetwork

    known = {
        name.removeprefix(ROOT): value
        for name, value in state.items()
        if name.startswith(ROOT) and not UNUSED.match(name.removeprefix(ROOT))
    }
    try:
        renamed = {
            **_backbone(_part(known, "backbone.")),
            **_decode_head(_part(known, "decode_head.")),
            **_low_level(_part(known, "ll_enc.")),
        }
        head = [renamed[f"head.{i}.weight"].shape[:2] for i in range(3)]
    except (ValueError, KeyError) as error:
        raise WeightsError(
            f"{path}: the authors' network is laid out otherwise: {error}"
        ) from error
    network = load_into(
        lambda: AuthorsNetwork(
            [out for out, _ in head],
            low_level_first=head[0][1] > 256,
            biases="projections.0.conv.bias" in renamed,
        ),
        renamed,
        path,
        "the authors' network",
    )
    assert isinstance(network, AuthorsNetwork)
    return network


def _part(state: State, prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): value for n, value in state.items() if n.startswith(prefix)}


def _backbone(state: State) -> dict[str, Tensor]:
    """SegFormer's names to ours; the mask that the depth stem takes twice is folded into one."""
    renamed = {}
    for name, value in state.items():
        new = name
        for pattern, ours in BACKBONE:
            new = re.sub("^" + pattern, ours, new)
        new = re.sub(r"^patch_embed(\d)\.", lambda m: f"stages.{int(m[1]) - 2}.downsample.", new)
        new = re.sub(r"^block(\d)\.", lambda m: f"stages.{int(m[1]) - 2}.blocks.", new)
        new = re.sub(r"^norm([2-4])\.", lambda m: f"stages.{int(m[1]) - 2}.norm.", new)
        new = new.replace("dwconv.dwconv.", "dwconv.")
        renamed[f"encoder.{new}"] = value
    stem = renamed["encoder.depth_embed.proj.weight"]
    renamed["encoder.depth_embed.proj.weight"] = _fold_masks(stem)
    return renamed


def _fold_masks(weight: Tensor) -> Tensor:
    """Sum a convolution's weights over its second and further inputs, which are all the mask."""
    import torch

    return torch.cat([weight[:, :1], weight[:, 1:].sum(1, keepdim=True)], dim=1)


def _decode_head(state: State) -> dict[str, Tensor]:
    """Tell the decoder's modules apart by their shapes, their levels by the numbers in names."""
    modules: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        stem, _, leaf = name.rpartition(".")
        modules.setdefault(stem, {})[leaf] = value
    kinds: dict[str, list[str]] = {"linear": [], "projection": [], "unit": [], "head": []}
    for stem in sorted(modules, key=_natural):
        kinds[_kind(tuple(modules[stem]["weight"].shape))].append(stem)
    counts = {kind: len(stems) for kind, stems in kinds.items()}
    if counts != {"linear": LEVELS, "projection": LEVELS, "unit": 4 * LEVELS, "head": 3}:
        raise ValueError(f"its decoder has {counts} modules")
    # The finest level has the fewest channels; its number tells which way levels are counted.
    linears = sorted(kinds["linear"], key=lambda stem: modules[stem]["weight"].shape[1])
    step = 1 if linears == kinds["linear"] else -1
    units = [kinds["unit"][4 * level : 4 * level + 4] for level in range(LEVELS)]
    targets: dict[str, str] = {}
    for level, (projection, four) in enumerate(
        zip(kinds["projection"][::step], units[::step], strict=True)
    ):
        targets[linears[level]] = f"projections.{level}.linear"
        targets[projection] = f"projections.{level}.conv"
        for i, stem in enumerate(four):
            targets[stem] = f"fusions.{level}.units.{i // 2}.conv{i % 2 + 1}"
    by_width = sorted(kinds["head"], key=lambda stem: -modules[stem]["weight"].shape[1])
    targets.update({stem: f"head.{i}" for i, stem in enumerate(by_width)})
    return {
        f"{ours}.{leaf}": value
        for stem, ours in targets.items()
        for leaf, value in modules[stem].items()
    }


def _kind(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return "linear"
    if shape == (256, 768, 3, 3):
        return "projection"
    return "unit" if shape == (256, 256, 3, 3) else "head"


def _low_level(state: State) -> dict[str, Tensor]:
    """Rename one 7x7 convolution and its batch norm."""
    renamed = {}
    for name, value in state.items():
        leaf = name.rpartition(".")[2]
        if value.ndim == 4:
            renamed["low_level.at_half.0.weight"] = _fold_masks(value)
        else:
            renamed[f"low_level.at_half.1.{leaf}"] = value
    return renamed


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key that counts: c2 before c10."""
    return [
        (int(part), "") if part.isdigit() else (-1, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]
