"""A tiny RGB-D set on disk and recipes small enough for a test."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from maskdepth_cli.training.recipe import load_recipe
from maskdepth_cli.training.sources import FrameFolder

RECIPE = """
[network]
size = "tiny"
form = "completion"
depths = [1, 1, 1, 1]
decoder_channels = 8
embed_dims = [8, 16, 32, 32]
heads = [1, 2, 4, 4]

[data]
patch = 64
paired_share = 0.5
window = [0.5, 1.0]

[perturbation]
partial_share = 0.5

[stage1]
iterations = 4
batch_size = 2

[stage2]
iterations = 8
batch_size = 2
save_every = 2
validate_every = 4
"""


def make_frames(root: Path, count: int = 3, height: int = 72, width: int = 96) -> Path:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    for folder in ("rgb", "depth", "seg"):
        (root / folder).mkdir(parents=True)
    for i in range(count):
        seg = np.zeros((height, width), np.uint8)
        seg[height // 3 :] = 1
        seg[np.hypot(y - 40, x - 30 - 10 * i) < 22] = 2
        seg[np.hypot(y - 40, x - 30 - 10 * i) < 7] = 1  # a hole
        depth = np.choose(seg, [0 * y, y * 300, 0 * y + 50_000]).astype(np.uint16)
        cv2.imwrite(str(root / f"rgb/{i}.jpg"), rng.integers(0, 255, (height, width, 3), np.uint8))
        cv2.imwrite(str(root / f"depth/{i}.png"), depth)
        cv2.imwrite(str(root / f"seg/{i}.png"), seg)
    return root


@pytest.fixture(scope="session")
def frames_root(tmp_path_factory):
    return make_frames(tmp_path_factory.mktemp("frames"))


@pytest.fixture(scope="session")
def frames(frames_root):
    return FrameFolder(frames_root)


@pytest.fixture(scope="session")
def recipe_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "test.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="session")
def recipe(recipe_path):
    return load_recipe(recipe_path)
