"""`maskdepth train` on the command line; training itself is tested in tests/training."""

from __future__ import annotations

import csv
import math

import pytest
import trees

RECIPE = """
[network]
size = "tiny"
depths = [1, 1, 1, 1]
decoder_channels = 8
embed_dims = [8, 16, 32, 32]
heads = [1, 2, 4, 4]
[data]
patch = 32
[stage1]
iterations = 4
batch_size = 1
learning_rate = 1.0
"""


@pytest.fixture
def train(tmp_path, maskdepth):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    trees.generic(tmp_path / "set")

    def run(*arguments):
        return maskdepth(
            "train", "--recipe", str(tmp_path / "recipe.toml"), "--rgbd", str(tmp_path / "set"),
            "-o", str(tmp_path / "run"), "--device", "cpu", "--threads", "1",
            *map(str, arguments),
        )  # fmt: skip

    return run


def test_options_change_the_recipe_and_a_line_tells_how_it_goes(train, tmp_path):
    ended = train("--stage", 1, "--schedule", "cosine", "--set", "stage1.iterations=2")
    assert ended.code == 0
    assert ended.err.startswith("2/2  loss ")
    assert "samples/s  0 h 00 min left\n" in ended.err
    assert ended.err.endswith(f"weights: {tmp_path}/run/weights.safetensors\n")
    with (tmp_path / "run/log.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["learning_rate"]) == pytest.approx(0.5 + 0.5 * math.cos(math.pi / 2))


def test_without_anything_to_train_on_it_says_so(train, maskdepth, tmp_path):
    ended = train()
    assert ended.code == 2
    assert "--stage 1 or 2" in ended.err
    ended = maskdepth("train", "--stage", "1", "--recipe", str(tmp_path / "recipe.toml"))
    assert ended.code == 2
    assert "--rgbd" in ended.err
