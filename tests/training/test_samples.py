"""Samples and composites: pure functions of seed and index, and what they promise."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from maskdepth_cli.errors import NothingToDoError
from maskdepth_cli.training.batches import Indexed
from maskdepth_cli.training.composition import compose
from maskdepth_cli.training.drawn_masks import DrawnMasks
from maskdepth_cli.training.masks import MaskFolder
from maskdepth_cli.training.recipe import DataSettings, PerturbationSettings
from maskdepth_cli.training.refinement_task import RefinementTask
from maskdepth_cli.training.samples import TrainingSample, collate, draw_sample
from maskdepth_cli.training.sources import FrameFolder
from maskdepth_cli.training.variety import step_parts

DATA = DataSettings(patch=48)


def draw(frames, count=24, data=DATA, masks=None):
    return [draw_sample(frames, data, PerturbationSettings(), 5, i, masks) for i in range(count)]


def test_a_sample_is_a_function_of_seed_and_index(frames, frames_root):
    again = FrameFolder(frames_root)
    for i in (0, 7):
        one, two = (draw_sample(f, DATA, PerturbationSettings(), 5, i) for f in (frames, again))
        for field in fields(TrainingSample):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))
    other = draw_sample(frames, DATA, PerturbationSettings(), 6, 0)
    assert not np.array_equal(other.rgb, draw(frames, 1)[0].rgb)


def test_batches_do_not_depend_on_the_number_of_workers(frames, recipe):
    task = RefinementTask(recipe, 2, frames, torch.nn.Identity())
    runs = [
        list(DataLoader(Indexed(task), 2, sampler=range(6), num_workers=w, collate_fn=collate))
        for w in (0, 2)
    ]
    for here, there in zip(*runs, strict=True):
        for name, tensor in here.tensors.items():
            assert torch.equal(
                tensor.nan_to_num(-1.0) if tensor.is_floating_point() else tensor,
                there[name].nan_to_num(-1.0) if tensor.is_floating_point() else there[name],
            )


def test_masks_are_binary_and_of_the_allowed_area(frames):
    for sample in draw(frames):
        assert set(np.unique(sample.mask)) == {0, 1}
        assert DATA.mask_area[0] <= sample.mask.mean() <= DATA.mask_area[1]


def test_composites_take_each_side_from_its_layer(frames):
    batch = collate(draw(frames))
    c = compose(batch)
    inside = c.mask > 0
    assert torch.equal(c.depth[inside], c.foreground[inside])
    assert torch.equal(c.depth[~inside], c.background[~inside])
    assert torch.allclose(c.depth.amin((1, 2, 3)), torch.tensor(0.0), atol=1e-5)
    assert torch.allclose(c.depth.amax((1, 2, 3)), torch.tensor(10.0), atol=1e-4)
    assert (c.foreground_known == 1).all()


def test_the_mask_layer_is_nearer_as_often_as_asked(frames):
    for share in (0.0, 1.0):
        data = replace(DATA, nearer_share=share, patch=32)
        c = compose(collate(draw(frames, 60, data)))
        inside = torch.where(c.mask > 0, c.depth, 99.0).amin((1, 2, 3))
        outside = torch.where(c.mask > 0, -99.0, c.depth).amax((1, 2, 3))
        nearer = (inside >= outside - 1e-4).float().mean()
        assert nearer == 1 if share == 1 else nearer < 0.5


def test_paired_samples_are_one_frame_with_its_own_mask(frames):
    batch = collate(draw(frames, 8, replace(DATA, paired_share=1.0)))
    c = compose(batch)
    assert torch.equal(batch["rgb"][:, 0], batch["rgb"][:, 1])
    assert torch.allclose(c.depth, c.foreground)
    assert torch.equal(c.foreground_known, c.mask)
    assert torch.equal(c.background_known, 1 - c.mask)


def test_masks_from_a_folder_are_used(frames, tmp_path):
    mask = np.zeros((50, 70), np.uint8)
    mask[:, 20:45] = 255
    (tmp_path / "deep").mkdir()
    cv2.imwrite(str(tmp_path / "deep/bar.png"), mask)
    for sample in draw(frames, 6, masks=MaskFolder([tmp_path])):
        assert (sample.mask[0] == sample.mask[0, :1]).all()  # vertical bars, unlike seg/
    (tmp_path / "deep/bar.png").unlink()
    with pytest.raises(NothingToDoError, match="no mask files"):
        MaskFolder([tmp_path])


def test_an_empty_set_is_named(tmp_path):
    with pytest.raises(NothingToDoError, match=r"expected .*rgb/NAME"):
        FrameFolder(tmp_path)


def test_a_predicted_depth_takes_the_place_of_the_perturbation(tmp_path, frames_root, recipe):
    shutil.copytree(frames_root, tmp_path, dirs_exist_ok=True)
    (tmp_path / "initial").mkdir()
    for path in (frames_root / "depth").iterdir():  # the true depth in another scale and offset
        depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(tmp_path / "initial" / path.name), (depth // 4 + 900).astype(np.uint16))
    data = replace(DATA, paired_share=0.5, predicted_share=0.5)
    samples = draw(FrameFolder(tmp_path), 40, data)
    kinds = {(sample.paired, sample.predicted) for sample in samples}
    assert kinds == {(False, False), (True, False), (True, True)}
    for sample in samples:
        if sample.predicted:  # aligned by least squares it is the true depth, up to interpolation
            assert np.median(np.abs(sample.initial - sample.depth[0])) < 1e-3
    assert not any(sample.predicted for sample in draw(FrameFolder(frames_root), 10, data))


def test_parts_of_a_front_stand_at_depths_of_their_own():
    """A flat front at 0.65 before a back at 0: a block with a rod on it, steps of 0.04 to 0.6."""
    mask = np.zeros((96, 96), np.float32)
    mask[40:80, 20:70], mask[4:40, 44:47] = 1, 1
    front, back = np.full((96, 96), 0.5, np.float32), np.zeros((96, 96), np.float32)
    layering = np.array([0.1, 1, 0.6], np.float32)
    rods, behind = 0, 0
    for seed in range(60):
        stepped = step_parts((front, back), layering, mask, np.random.default_rng(seed))
        depth = 0.1 * stepped + 0.6
        steps = np.abs(np.unique(depth[mask > 0].round(5)) - 0.65)
        assert len(steps) <= 2**3 * 2  # three cuts of the block and of the rod
        assert ((steps < 1e-4) | ((steps > 0.0399) & (steps < 0.6001))).all()
        rods += abs(np.median(depth[4:36, 45]) - np.median(depth[60:80, 20:70])) > 0.03
        behind += (depth[mask > 0] < 0).any()
    assert 20 < rods < 55  # parts stay where they are as often as not
    assert behind == 0  # no step is as large as the gap
    near = np.array([0.1, 1, 0.05], np.float32)  # the front at 0.1: steps would lead behind
    lows = [
        (0.1 * step_parts((front, back), near, mask, np.random.default_rng(seed)) + 0.05).min()
        for seed in range(60)
    ]
    assert 2 < sum(low < 0 for low in lows) < 40


def test_parts_are_drawn_without_changing_what_else_is(frames):
    plain = draw(frames, 6)
    parted = draw(frames, 6, replace(DATA, parts_share=1.0))
    for one, other in zip(plain, parted, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert np.array_equal(one.rgb, other.rgb)
        assert np.array_equal(one.depth[1], other.depth[1])
    assert any((a.depth[0] != b.depth[0]).any() for a, b in zip(plain, parted, strict=True))


def test_only_objects_have_parts_at_depths_of_their_own(frames):
    data = replace(DATA, soft_masks=True, human_share=1.0, parts_share=1.0)
    for layout, changes in (("figures", False), ("hair", False), ("thin", True)):
        masks = DrawnMasks(layout)
        plain = draw(frames, 6, replace(data, parts_share=0.0), masks)
        parted = draw(frames, 6, data, masks)
        changed = [(a.depth != b.depth).any() for a, b in zip(plain, parted, strict=True)]
        assert any(changed) == changes
