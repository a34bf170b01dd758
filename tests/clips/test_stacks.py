"""Stacks of arrays as video networks write them, read frame by frame, and written."""

from __future__ import annotations

import numpy as np
import pytest
from reel import depth_of, mask_of

from maskdepth_cli.clips.stacks import StackFrames
from maskdepth_cli.errors import InputFileError


def stack(reel):
    return np.array([depth_of(index) for index in range(reel.count)])


@pytest.fixture
def alone(reel):
    """The files that the reel gives frame by frame."""
    assert reel.refine().code == 0
    files = reel.files()
    for path in reel.out.iterdir():
        path.unlink()
    return files


@pytest.mark.parametrize("save", ["depths.npz", "depth.npz", "plain.npy", "stored.npz"])
def test_a_stack_is_refined_as_its_frames_are(reel, alone, save):
    path = reel.root / save
    if save == "depths.npz":  # Video-Depth-Anything
        np.savez_compressed(path, depths=stack(reel))
    elif save == "depth.npz":  # DepthCrafter
        np.savez_compressed(path, depth=stack(reel))
    elif save == "stored.npz":
        np.savez(path, depth=stack(reel)[:, None])
    else:
        np.save(path, stack(reel))
    said = reel.refine(depths=save)
    assert said.code == 0, said.text
    assert reel.files() == alone


def test_masks_may_be_a_stack_too(reel, alone):
    masks = np.array([mask_of(index) for index in range(reel.count)], bool)
    np.savez_compressed(reel.root / "masks.npz", masks=masks)
    assert reel.refine(masks="masks.npz").code == 0
    assert reel.files() == alone


def test_the_depth_of_a_clip_becomes_a_stack_as_depthcrafter_writes_it(reel, alone):
    said = reel.refine(out="made.npz")
    assert said.code == 0, said.text
    made = np.load(reel.root / "made.npz")["depth"]
    assert made.dtype == np.float32
    assert made.shape == (reel.count, *depth_of(0).shape)
    for name, data in alone.items():
        (reel.root / name).write_bytes(data)
        import tifffile

        number = int(name.split(".")[1])
        np.testing.assert_array_equal(made[number - 1001], tifffile.imread(reel.root / name))
    assert not list(reel.root.glob(".made*"))


def test_frames_are_read_in_any_order_and_few_are_held(tmp_path):
    values = np.arange(60, dtype=np.float32)
    np.savez_compressed(tmp_path / "a.npz", depth=np.tile(values[:, None, None], (1, 8, 8)))
    frames = StackFrames(tmp_path / "a.npz", "depth")
    assert list(frames.numbers) == list(range(1, 61))
    for number in (1, 2, 4, 3, 60, 10, 12, 11):
        assert (frames.frame(number) == number - 1).all()
        assert len(frames._reader._held) <= 16


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 5)), "a clip is a stack of maps"),
        (np.zeros((2, 4, 5, 3)), "a clip is a stack of maps"),
        (np.zeros((0, 4, 5)), "a clip is a stack of maps"),
        (np.asfortranarray(np.zeros((2, 4, 5))), "column by column"),
        (np.zeros((2, 4, 5), complex), "a clip is a stack of maps"),
    ],
)
def test_what_is_no_stack_is_one_line(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputFileError, match=words):
        StackFrames(tmp_path / "a.npy", "depth")


def test_a_stack_that_is_cut_off_fails_where_it_ends(reel):
    np.save(reel.root / "cut.npy", stack(reel))
    data = (reel.root / "cut.npy").read_bytes()
    (reel.root / "cut.npy").write_bytes(data[: -depth_of(0).nbytes // 2])
    said = reel.refine(depths="cut.npy")
    assert said.code == 1
    assert "failed: shot.1005.png: " in said.text
    assert "frame 5 is damaged, or the file is truncated" in said.text
    assert len(reel.files()) == 4
