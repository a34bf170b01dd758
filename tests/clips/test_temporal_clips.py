"""`--temporal`: frames in order, the same whoever refines them, and told from frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from reel import command, depth_of, mask_of, photo_of

from maskdepth_cli import load_refiner


def written(reel, number, out="out"):
    return tifffile.imread(reel.root / out / f"shot.{number}.tiff")


@pytest.fixture
def refined(reel):
    """The arrays that the frames should hold."""
    depths = [depth_of(index) for index in range(reel.count)]
    whole = (float(np.min(depths)), float(np.max(depths)))
    refiner = load_refiner(
        reel.weights, device="cpu", precision="fp32", whole_range=whole, temporal=True
    )
    return [
        refiner.refine(photo_of(index), depths[index], mask_of(index)).depth
        for index in range(reel.count)
    ]


def test_frames_are_refined_one_after_the_other(reel, refined):
    said = reel.refine("--temporal")
    assert said.code == 0, said.text
    for wanted, number in zip(refined, reel.numbers, strict=True):
        np.testing.assert_array_equal(written(reel, number), wanted)
    assert reel.records()["shot.1002.png"]["details"]["made_with"]["temporal"] is True
    assert reel.refine("--temporal").code == 0  # nothing is left to do
    reel.refine(out="plain")
    np.testing.assert_array_equal(written(reel, 1001), written(reel, 1001, "plain"))
    assert np.abs(written(reel, 1004) - written(reel, 1004, "plain")).max() > 0


def test_a_frame_that_is_done_again_and_shards_are_as_in_one_run(reel, refined):
    assert reel.refine("--temporal").code == 0
    whole = reel.files()
    (reel.out / "shot.1004.tiff").unlink()
    assert reel.refine("--temporal").code == 0
    assert reel.files() == whole
    for shard in ("2/2", "1/2"):
        said = reel.refine("--temporal", "--shard", shard, out="shards")
        assert said.code == 0, said.text
    for number in reel.numbers:
        np.testing.assert_array_equal(written(reel, number, "shards"), written(reel, number))


def test_a_run_with_another_setting_is_done_again(reel):
    reel.refine()
    before = written(reel, 1005)
    said = reel.refine("--temporal")
    assert said.code == 0, said.text
    assert np.abs(written(reel, 1005) - before).max() > 0
    assert "temporal" in reel.records()["shot.1005.png"]["details"]["made_with"]


def test_a_frame_that_cannot_be_read_is_passed_over(reel):
    (reel.root / "depths" / "depth.1003.npy").write_bytes(b"no array")
    said = reel.refine("--temporal", "--depth-range", "0,10")
    assert said.code == 1
    assert "depth.1003.npy" in said.text
    assert "Traceback" not in said.text
    assert {row["status"] for row in reel.records().values()} == {"done", "failed"}
    assert (reel.out / "shot.1004.tiff").exists()


def test_where_another_scene_begins_is_noted(reel):
    size = (96, 128)
    rng = np.random.default_rng(0)
    scenes = rng.integers(0, 255, (2, 12, 16, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    for number in reel.numbers:
        reel.picture("shots", f"shot.{number}.png", scenes[number // 1004])
        mask = np.zeros(size, np.uint8)
        mask[30:60, 40:80] = 255
        reel.picture("mattes", f"matte.{number}.png", mask)
        ramp = np.linspace(1, 2, size[1], dtype=np.float32) + mask / np.float32(200)
        np.save(reel.root / "depths" / f"depth.{number}.npy", ramp.astype(np.float32))
    assert reel.refine("--temporal").code == 0
    cuts = [name for name, row in reel.records().items() if row["details"].get("cut")]
    assert cuts == ["shot.1004.png"]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--instances", "mattes"), "--temporal with --instances: not for clips"),
        (("--masks", "mattes", "--wrap"), "--temporal with --wrap: not for clips"),
    ],
)
def test_what_it_does_not_do_is_said(reel, more, line):
    places = [reel.root / one if one == "mattes" else one for one in more]
    shots = reel.root / "shots" / "shot.####.png"
    said = command(
        *("refine", shots, "--depths", reel.root / "depths", "--temporal", *places),
        *("-o", reel.out),
    )
    assert said.code == 2
    assert line in said.text


def test_photos_are_no_clip(reel):
    said = command(
        *("refine", reel.root / "shots", "--masks", reel.root / "mattes", "--temporal"),
        *("--depths", reel.root / "depths", "-o", reel.out),
    )
    assert said.code == 2
    assert "--temporal are for clips" in " ".join(said.text.split())
