"""Recipes: what they extend, changes by hand, and the released ones."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from maskdepth_cli.errors import UsageError
from maskdepth_cli.training.recipe import load_recipe
from maskdepth_cli.training.side import load_side_recipe
from maskdepth_cli.weights.registry import require_entry

TRAIN = Path(__file__).parents[2] / "train"
RECIPES = TRAIN / "recipes"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_recipe_takes_the_rest_from_what_it_extends(tmp_path):
    write(tmp_path / "first.toml", "[data]\npatch = 64\nseam = 1.0\n[stage1]\niterations = 5")
    write(tmp_path / "deep/second.toml", 'extends = "../first.toml"\n[data]\npatch = 96')
    third = write(tmp_path / "deep/third.toml", 'extends = "second.toml"\n[loss]\nl2 = 0.5')
    recipe = load_recipe(third)
    assert (recipe.data.patch, recipe.data.seam, recipe.loss.l2) == (96, 1.0, 0.5)
    assert recipe.stage1.iterations == 5


@pytest.mark.parametrize(
    "text", ["data = []", "data = 5", "network = 'x'", "[stage1]\nsave_every = 0"]
)
def test_what_is_no_section_is_one_line(tmp_path, text):
    with pytest.raises(UsageError, match="not a usable recipe"):
        load_recipe(write(tmp_path / "recipe.toml", text))


def test_a_circle_of_recipes_and_a_missing_one_are_named(tmp_path):
    write(tmp_path / "a.toml", 'extends = "b.toml"')
    write(tmp_path / "b.toml", 'extends = "a.toml"')
    with pytest.raises(UsageError, match="it extends itself"):
        load_recipe(tmp_path / "a.toml")
    with pytest.raises(UsageError, match=r"absent\.toml: not a usable recipe"):
        load_recipe(write(tmp_path / "c.toml", 'extends = "absent.toml"'))


@pytest.mark.parametrize("text", ["frames = 3", "frames = [3]", "[frames]\nroot = 'x'", "[[data]]"])
def test_what_is_no_section_is_refused(tmp_path, text):
    with pytest.raises(UsageError, match=r"a\.toml: not a usable recipe"):
        load_recipe(write(tmp_path / "a.toml", text))


def test_changes_win_over_the_file(tmp_path):
    path = write(tmp_path / "a.toml", "[stage2]\niterations = 7\nbatch_size = 3")
    changed = load_recipe(path, ["stage2.iterations=9", 'network.size="tiny"'])
    assert (changed.stage2.iterations, changed.stage2.batch_size) == (9, 3)
    assert changed.network.embed_dims == (32, 64, 160, 256)
    with pytest.raises(UsageError, match=r"--set stage2\.iterations=many: expected SECTION"):
        load_recipe(path, ["stage2.iterations=many"])
    with pytest.raises(UsageError, match="unknown settings: epochs"):
        load_recipe(path, ["stage2.epochs=9"])
    side = load_side_recipe(RECIPES / "lite.toml", ["train.iterations=3"])
    assert side.train == replace(load_side_recipe(RECIPES / "lite.toml").train, iterations=3)


def test_ablations_differ_in_what_they_ablate():
    layered, no_holes, composite, paired = (
        load_recipe(RECIPES / f"ablations/{name}.toml")
        for name in ("layered", "no-holes", "direct-composite", "direct-paired")
    )
    named = {name: getattr(layered.perturbation, name) for name in ("hole_share", "gap_share")}
    holes = replace(no_holes.perturbation, **named)
    assert no_holes.perturbation.hole_share == 0 < layered.perturbation.hole_share
    assert no_holes.perturbation.gap_share == 0 < layered.perturbation.gap_share
    assert replace(no_holes, perturbation=holes) == layered
    network = replace(composite.network, layered=True)
    assert replace(composite, network=network) == layered
    assert replace(paired, data=composite.data) == composite
    assert (layered.data.paired_share, paired.data.paired_share) == (0, 1)


@pytest.mark.parametrize("name", ["trust", "lite"])
def test_the_training_page_has_the_released_sizes_and_digests(name):
    entry = require_entry(name)
    row = f"| `{name}` | {entry.size:,} | `{entry.sha256}` |"
    assert row in (TRAIN / "README.md").read_text(), f"weights have changed: write {row}"


def test_recipes_that_the_training_page_names_are_there():
    for path in (TRAIN / "README.md", TRAIN / "slurm.sbatch"):
        for name in re.findall(r"train/recipes/([\w/-]+\.toml)", path.read_text()):
            assert (RECIPES / name).is_file(), f"{path.name} names {name}"
