"""The contact sheet of `maskdepth train --show-data`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from maskdepth_cli.errors import UsageError
from maskdepth_cli.training.refinement_task import RefinementTask
from maskdepth_cli.training.request import TrainRequest
from maskdepth_cli.training.run import train
from maskdepth_cli.training.show import CAPTIONS, show_data
from maskdepth_cli.viewing.contact_sheet import CAPTION, GAP


def tiles(path, side, count):
    """Take the sheet apart: (row, column) to picture."""
    sheet = np.asarray(Image.open(path)).astype(int)
    assert sheet.shape == (CAPTION + count * (side + GAP), GAP + 7 * (side + GAP), 3)
    return lambda row, caption: sheet[
        CAPTION + row * (side + GAP) :, GAP + CAPTIONS.index(caption) * (side + GAP) :
    ][:side, :side]


@pytest.mark.parametrize("stage", [1, 2])
def test_the_sheet_shows_the_first_samples(frames, recipe, tmp_path, stage):
    count, side = 6, recipe.data.patch
    recipe = replace(recipe, data=replace(recipe.data, paired_share=0.5))
    task = RefinementTask(recipe, stage, frames, torch.nn.Identity())
    tile = tiles(show_data(task, tmp_path, count), side, count)
    batch = task.collate([task.sample(i) for i in range(count)])
    given, c = task.inputs(batch)
    for row in range(count):
        colours = np.rint(c.rgb[row].permute(1, 2, 0).numpy() * 255)
        np.testing.assert_array_equal(tile(row, "composite"), colours)
        np.testing.assert_array_equal(tile(row, "mask")[..., 0], 255 * c.mask[row, 0].numpy())
        same = bool((tile(row, "its true depth") == tile(row, "depth as given")).all())
        assert same == torch.equal(given[row], c.depth[row])
        # A paired sample's targets are gray where they do not count, and only there.
        gray = np.ptp(tile(row, "target of the rest"), axis=-1) == 0
        np.testing.assert_array_equal(gray, c.background_known[row, 0].numpy() == 0)
    assert batch["paired"].any()
    assert not batch["paired"].all()
    if stage == 1:
        assert torch.equal(given, c.depth)


def test_showing_trains_nothing(frames_root, recipe_path, tmp_path):
    request = TrainRequest(
        recipe_path,
        (frames_root,),
        stage=2,
        output=tmp_path / "run",
        device="cpu",
        show_data=tmp_path / "s",
    )
    assert train(request, lambda progress: None) == tmp_path / "s/contact-sheet.png"
    assert not (tmp_path / "run").exists()
    lite = tmp_path / "lite.toml"
    lite.write_text('[network]\nsize = "lite"')
    with pytest.raises(UsageError, match="no --stage, --masks, --validation-initial or --show-dat"):
        train(replace(request, recipe=lite, stage=None), lambda progress: None)
