"""Sources of a recipe: each layout as its authors publish it, and how they are mixed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import trees

from maskdepth_cli.errors import NothingToDoError, UsageError
from maskdepth_cli.training.catalog import FRAME_LAYOUTS, MASK_LAYOUTS, open_frames, open_masks
from maskdepth_cli.training.composition import compose
from maskdepth_cli.training.memory import Remembered
from maskdepth_cli.training.recipe import (
    DataSettings,
    FrameSource,
    MaskSource,
    PerturbationSettings,
    load_recipe,
)
from maskdepth_cli.training.refinement_task import RefinementTask
from maskdepth_cli.training.request import TrainRequest
from maskdepth_cli.training.run import train
from maskdepth_cli.training.samples import collate, draw_sample

DATA = DataSettings(patch=24)
TREES = {
    "hypersim": trees.hypersim,
    "tartanair": trees.tartanair1,
    "tartanair2": trees.tartanair2,
    "nyu": trees.nyu,
    "diode": trees.diode,
    "megadepth": trees.megadepth,
    "irs": trees.irs,
}
UNKNOWN = {  # rows or columns of unknown depth of each tree
    "hypersim": np.s_[:2],
    "diode": np.s_[:, :3],
    "megadepth": np.s_[-2:],
    "irs": np.s_[:1, :1],
}


def rng(seed=0):
    return np.random.default_rng(seed)


def frames(root, layout, **settings):
    return open_frames([FrameSource(layout, str(root), **settings)], [], root)


def masks(root, layout, kind="object"):
    return open_masks([MaskSource(layout, str(root), kind=kind)], [], root, None)


def test_every_layout_is_tested():
    assert set(TREES) == set(FRAME_LAYOUTS)
    drawn = {"figures", "thin", "hair", "blobs"}  # tests/training/test_drawn_masks.py
    read = {"folder", "coco-panoptic", "ade20k", "duts", "alpha", "instances"}
    assert set(MASK_LAYOUTS) == drawn | read


@pytest.mark.parametrize("layout", TREES)
def test_frames_of_a_layout(layout, tmp_path, caplog):
    frame = frames(TREES[layout](tmp_path), layout).draw(rng())
    known = np.ones(frame.depth.shape, bool)
    known[UNKNOWN.get(layout, np.s_[:0])] = False
    np.testing.assert_array_equal(np.isfinite(frame.depth), known)
    near, far = frame.depth[12, 12], frame.depth[4, 28]
    scale = 48 if layout == "irs" else 1
    assert near / scale == pytest.approx(1 / (2.5 if layout == "megadepth" else 2), rel=0.05)
    assert far < near / 2
    assert frame.rgb.dtype == np.uint8
    assert frame.rgb.shape == (*frame.depth.shape, 3)
    if layout in ("diode", "megadepth", "irs"):
        assert frame.instances is None
    else:
        assert frame.instances[12, 12] not in (-1, frame.instances[20, 28])


def test_all_frames_of_a_set_are_drawn(tmp_path):
    hypersim = frames(trees.hypersim(tmp_path / "h"), "hypersim")
    assert len(hypersim) == 2 * 2 * 2  # scenes, cameras, frames of each
    tartanair = frames(trees.tartanair1(tmp_path / "t"), "tartanair")
    assert len(tartanair) == 2 * (2 + 1)  # environments, Easy and Hard
    assert {tartanair.draw(rng(i)).depth.min() for i in range(30)} == {
        np.float32(1 / (8 + seed)) for seed in (0, 3, 9)
    }


def test_nyu_colours_lie_as_in_the_photo_and_instances_are_pairs(tmp_path):
    frame = frames(trees.nyu(tmp_path, 1), "nyu").draw(rng())
    np.testing.assert_array_equal(frame.rgb, trees.photo(0))
    ids = frame.instances
    assert len({ids[0, 0], ids[0, -1], ids[12, 12]}) == 3
    assert ids[20, 28] == -1  # unlabelled, not sky


def test_diode_keeps_its_channels(tmp_path):
    frame = frames(trees.diode(tmp_path), "diode").draw(rng())
    np.testing.assert_array_equal(frame.rgb, trees.photo())


def test_megadepths_ordinal_maps_are_drawn_again_and_named(tmp_path, caplog):
    source = frames(trees.megadepth(tmp_path), "megadepth")
    for seed in range(8):
        assert np.nanmax(source.draw(rng(seed)).depth) == pytest.approx(0.5, rel=0.2)
    assert sum("2_o.h5: an ordinal map" in message for message in caplog.messages) == 1


def test_a_layout_without_its_files_says_what_it_expects(tmp_path):
    for layout in FRAME_LAYOUTS:
        with pytest.raises(NothingToDoError, match=r"expected|download"):
            frames(tmp_path, layout)
    for layout in ("folder", "coco-panoptic", "ade20k", "duts", "alpha"):
        with pytest.raises(NothingToDoError):
            masks(tmp_path, layout)
    with pytest.raises(NothingToDoError, match="not there"):
        frames(tmp_path / "absent", "nyu")
    with pytest.raises(UsageError, match="layout 'kitti' is not one of folder, drawn, hypersim"):
        frames(tmp_path, "kitti")
    with pytest.raises(UsageError, match="the weight 0 of the source 'folder' is not above 0"):
        frames(tmp_path, "folder", weight=0.0)
    with pytest.raises(UsageError, match="the weight 0 of the source 'drawn' is not above 0"):
        frames(tmp_path, "drawn", weight=0.0)
    with pytest.raises(UsageError, match="the weight -1 of the source 'hair' is not above 0"):
        open_masks([MaskSource("hair", weight=-1.0)], [], tmp_path, None)
    with pytest.raises(UsageError, match="nothing to train on"):
        open_frames([], [], tmp_path)


def test_coco_segments_by_kind(tmp_path):
    source = masks(trees.coco(tmp_path), "coco-panoptic")
    third = trees.WIDTH // 3
    for column, kind in enumerate(("human", "sky", "object")):
        for seed in range(4):  # the chair of one pixel never comes
            mask = source.draw(kind, rng(seed))
            assert mask[1:, column * third : (column + 1) * third].all()
            assert mask.mean() == pytest.approx(third / trees.WIDTH, abs=0.01)


def test_ade20k_regions_by_kind(tmp_path):
    source = masks(trees.ade20k(tmp_path), "ade20k")
    assert source.draw("sky", rng()).sum() == 8 * trees.WIDTH
    assert source.draw("human", rng()).sum() == 16 * 10
    chairs = {int(source.draw("object", rng(seed)).argmax()) for seed in range(20)}
    assert chairs == {14 * trees.WIDTH + 14, 14 * trees.WIDTH + 24}  # one at a time


@pytest.mark.parametrize(("layout", "tree"), [("duts", trees.duts), ("alpha", trees.p3m)])
def test_masks_beside_photos(layout, tree, tmp_path):
    source = masks(tree(tmp_path), layout, "human")
    assert source.kinds == {"human"}
    np.testing.assert_array_equal(source.draw("human", rng()) > 0.5, trees.ring() > 127)


def test_instances_of_rgbd_sets_are_masks(tmp_path):
    root = trees.generic(tmp_path)
    labelled = open_frames([], [root], tmp_path)
    source = open_masks([MaskSource("instances")], [], tmp_path, labelled)
    np.testing.assert_array_equal(source.draw("object", rng()), trees.instance_ids() > 0)
    np.testing.assert_array_equal(source.draw("sky", rng()), trees.instance_ids() == 0)
    bare = open_frames([FrameSource("irs", str(trees.irs(tmp_path / "irs")))], [], tmp_path)
    for given in ([MaskSource("instances")], []):
        with pytest.raises(UsageError, match="IRS: no instance maps"):
            open_masks(given, [], tmp_path, bare)


def test_sets_are_drawn_by_their_weights(tmp_path):
    irs, nyu = trees.irs(tmp_path / "irs"), trees.nyu(tmp_path / "nyu")
    mixed = open_frames(
        [FrameSource("irs", "irs", weight=3.0), FrameSource("nyu", "nyu")], [], tmp_path
    )
    random = rng()
    bare = sum(mixed.draw(random).instances is None for _ in range(400)) / 400
    assert bare == pytest.approx(0.75, abs=3 * (0.75 * 0.25 / 400) ** 0.5)
    assert mixed.labelled.name == "NYU Depth V2, labelled frames"
    assert irs.exists()
    assert nyu.exists()


def test_kinds_of_masks_come_by_the_papers_shares(tmp_path):
    """Bars upright, lying and framed tell objects, sky and humans (with a hole) apart."""
    upright, lying, plain = np.zeros((3, 40, 40), np.uint8)
    upright[:, 15:25] = lying[15:25] = 255
    plain[8:32, 8:32] = 255
    framed = plain.copy()
    framed[16:24, 16:24] = 0
    sets = {"object": [upright], "sky": [lying], "human": [plain, framed]}
    for kind, pictures in sets.items():
        (tmp_path / kind).mkdir()
        for i, picture in enumerate(pictures):
            cv2.imwrite(str(tmp_path / kind / f"{i}.png"), picture)
    source = open_masks([MaskSource("folder", k, kind=k) for k in sets], [], tmp_path, None)
    scene = open_frames([], [trees.generic(tmp_path / "set")], tmp_path)
    # Crops are nearly whole, so that each shows what its file does.
    count, found = 300, {"object": 0, "sky": 0, "plain": 0, "holes": 0}
    for i in range(count):
        sample = draw_sample(scene, DATA, PerturbationSettings(), 1, i, source)
        mask = sample.mask[0]
        if (mask == mask[:1]).all():
            found["object"] += 1
        elif (mask == mask[:, :1]).all():
            found["sky"] += 1
        else:
            found["holes" if sample.holes.any() else "plain"] += 1
    for name, share in (("object", 0.5), ("sky", 0.2)):
        assert found[name] / count == pytest.approx(share, abs=3 * (0.25 / count) ** 0.5)
    assert found["holes"] / count > 0.12  # half of the humans at least, as asked for
    assert found["plain"]


def test_unknown_depth_is_filled_and_does_not_count(tmp_path, recipe):
    scene = frames(trees.diode(tmp_path), "diode")
    source = masks(trees.duts(tmp_path / "duts"), "duts")
    data = replace(DATA, scale=(1.0, 1.0))
    batch = collate(
        [draw_sample(scene, data, PerturbationSettings(), 0, i, source) for i in range(12)]
    )
    assert torch.isfinite(batch["depth"]).all()
    assert not batch["known"].all()
    c = compose(batch)
    inside = c.mask > 0
    assert torch.equal(c.known[inside] > 0, batch["known"][:, 0][inside])
    assert torch.equal(c.known[~inside] > 0, batch["known"][:, 1][~inside])
    # Whatever the network says there, the loss stays the same.
    task = RefinementTask(recipe, 1, scene, torch.nn.Identity(), source)
    first = batch["erode_first"].view(-1, 1, 1, 1)
    unknown = torch.where(first, c.foreground_known, c.background_known) == 0
    layer = torch.where(first, c.foreground, c.background) + 1
    one, other = (
        task.loss(lambda depth, mask, rgb, layer=layer: layer, batch)[0]
        for layer in (layer, torch.where(unknown, 99.0, layer))
    )
    assert unknown.any()
    assert torch.equal(one, other)


def test_patches_of_too_little_known_depth_are_refused(tmp_path):
    scene = frames(trees.diode(tmp_path), "diode")
    source = masks(trees.duts(tmp_path / "duts"), "duts")
    with pytest.raises(UsageError, match=r"DIODE: of 100 patches none is known to a share of 1\.1"):
        draw_sample(scene, replace(DATA, known_share=1.1), PerturbationSettings(), 0, 0, source)


def test_a_recipe_with_sources_trains(tmp_path, recipe_path):
    trees.nyu(tmp_path / "data/nyu")
    trees.ade20k(tmp_path / "data/ade")
    recipe = tmp_path / "mixed.toml"
    recipe.write_text(
        f'extends = "{recipe_path}"\n'
        '[[frames]]\nlayout = "nyu"\nroot = "nyu"\nweight = 2\n'
        '[[masks]]\nlayout = "ade20k"\nroot = "ade"\n'
        "[data]\npatch = 32\n[stage1]\niterations = 2\nbatch_size = 2\n"
    )
    assert load_recipe(recipe).frames == (FrameSource("nyu", "nyu", 2.0),)
    request = TrainRequest(
        recipe,
        stage=1,
        output=tmp_path / "run",
        data=tmp_path / "data",
        device="cpu",
        threads=1,
    )
    assert train(request, lambda progress: None).exists()
    recipe.write_text('[[frames]]\nlayuot = "nyu"')
    with pytest.raises(UsageError, match="unknown settings: layuot"):
        load_recipe(recipe)


def test_memory_keeps_the_latest_up_to_its_limit():
    asked = []

    def read(index):
        asked.append(index)
        return np.full(10, index, np.uint8)

    remembered = Remembered(read, limit=25)
    for index in (1, 2, 1, 3, 1, 2):
        assert (remembered(index) == index).all()
    assert asked == [1, 2, 3, 2]
