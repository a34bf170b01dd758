"""Each tool's recipe on files named as that tool names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.commands.wanted import wanted_by_refine
from maskdepth_cli.run.gathering import gather
from maskdepth_cli.run.planning import Layout

MASKS = [
    (["tree.out.png"], "{name}.out"),  # rembg
    (["tree-removebg-preview.png"], "{name}-removebg-preview"),  # remove.bg
    (["tree.jpg.png"], ""),  # COLMAP
    (["tree.jpg.mask.png"], ""),  # LichtFeld
    (["tree.mask.png"], "{name}.mask"),  # OpenMVS
    (["tree_mask.png"], "{name}_mask"),  # 3DGRUT, the paper's authors
    (["tree/0.png", "tree/1.png", "tree/10.png"], ""),  # SAM's amg
    (["tree.png"], ""),  # rembg p, Photoshop
]
DEPTHS = [
    ("tree-dpt_beit_large_512.pfm", ["tree-dpt_beit_large_512.png"], "{name}-*.pfm"),  # MiDaS
    ("tree_raw_depth_meter.npy", ["tree.png"], "{name}_raw_depth_meter"),  # Depth Anything V2
    ("tree_pred.npy", ["tree_pred_colored.png"], "{name}_pred"),  # Marigold
    ("tree-0000.png", [], "{name}-0000"),  # webui depthmap
    ("tree/depth.exr", ["tree/depth_vis.png", "tree/mask.png"], "{name}/depth"),  # MoGe
    ("tree_depth.png", [], "{name}_depth"),  # the paper's authors
]


def planned(root: Path, monkeypatch: pytest.MonkeyPatch, **request: object) -> list[str]:
    monkeypatch.chdir(root)
    asked = RefineRequest(("photos",), masks=Path("masks"), **request)  # type: ignore[arg-type]
    (job,) = gather(
        ("photos",), wanted_by_refine(asked), Layout("png"), Path("out"), dry_run=True
    ).jobs
    return [path.relative_to(path.parts[0]).as_posix() for _, path in job.inputs]


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize(("files", "pattern"), MASKS)
def test_masks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], pattern: str
) -> None:
    make(tmp_path, "photos/tree.jpg", *(f"masks/{name}" for name in files))
    assert planned(tmp_path, monkeypatch, mask_suffix=pattern) == files


@pytest.mark.parametrize(("file", "others", "pattern"), DEPTHS)
def test_depth_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, others: list[str], pattern: str
) -> None:
    make(tmp_path, "photos/tree.jpg", "masks/tree.png")
    make(tmp_path, *(f"depths/{name}" for name in (file, *others)))
    found = planned(tmp_path, monkeypatch, depths=Path("depths"), depth_suffix=pattern)
    assert found == ["tree.png", file]
