"""Numbered pictures as a clip: pairing by number, one scale, resume, shares of neighbours."""

from __future__ import annotations

import os
import signal
import time

import cv2
import numpy as np
import pytest
import tifffile
from reel import command, depth_of, mask_of, photo_of

from maskdepth_cli import load_refiner


def written(reel, number):
    return tifffile.imread(reel.out / f"shot.{number}.tiff")


def test_each_frame_is_what_the_refiner_gives_with_the_range_of_the_clip(reel):
    said = reel.refine()
    assert said.code == 0, said.text
    depths = [depth_of(index) for index in range(reel.count)]
    whole = (float(np.min(depths)), float(np.max(depths)))
    refiner = load_refiner(reel.weights, device="cpu", precision="fp32", whole_range=whole)
    for index, number in enumerate(reel.numbers):
        wanted = refiner.refine(photo_of(index), depths[index], mask_of(index)).depth
        np.testing.assert_array_equal(written(reel, number), wanted)
    made_with = reel.records()["shot.1003.png"]["details"]["made_with"]
    assert made_with["whole_range"] == list(whole)
    assert f"{whole[0]:.6g} to {whole[1]:.6g}" in said.text


def test_frames_that_span_the_range_of_the_clip_are_those_of_photos_byte_for_byte(reel):
    for index, number in enumerate(reel.numbers):
        depth = depth_of(index)
        depth[0, 0], depth[-1, -1] = 0, 6
        np.save(reel.root / "depths" / f"depth.{number}.npy", depth)
    assert reel.refine("--layers", "--preview").code == 0
    clip = reel.files()
    suffix = ("--mask-suffix", "{name}", "--depth-suffix", "{name}")
    for folder, word in (("mattes", "matte"), ("depths", "depth")):
        for path in list((reel.root / folder).iterdir()):
            path.rename(path.with_name(path.name.replace(word, "shot")))
    said = reel.refine("--layers", "--preview", *suffix, shots="shots", masks="mattes", out="alone")
    assert said.code == 0, said.text
    reel_out, alone = reel.out, reel.root / "alone"
    for name, data in clip.items():
        assert (alone / name).read_bytes() == data, (reel_out, name)


def test_the_scale_of_a_frame_is_not_its_own(reel):
    """Without the clip's range a frame of less depth would be taken for one of as much."""
    reel.refine()
    alone = load_refiner(reel.weights, device="cpu", precision="fp32")
    own = alone.refine(photo_of(0), depth_of(0), mask_of(0)).depth
    assert np.abs(written(reel, 1001) - own).max() > 0


def test_a_given_range_saves_the_pass(reel):
    said = reel.refine("--depth-range", "0,8")
    assert said.code == 0
    assert "range of the clip" not in said.text
    row = next(iter(reel.records().values()))
    assert row["details"]["made_with"]["whole_range"] == [0, 8]


def test_a_frame_outside_of_the_given_range_fails(reel):
    said = reel.refine("--depth-range", "0,5")
    assert said.code == 1
    outside = [n for i, n in enumerate(reel.numbers) if depth_of(i).max() > 5]
    assert 0 < len(outside) < reel.count
    for number in outside:
        assert not (reel.out / f"shot.{number}.tiff").exists()
    assert "lies outside of --depth-range 0,5; give the whole clip's" in said.text


def test_a_killed_run_goes_on(reel, launch):
    for index in range(5, 40):
        reel.picture("shots", f"shot.{1001 + index}.png", photo_of(index % 9)[..., ::-1])
        reel.picture("mattes", f"matte.{1001 + index}.png", np.uint8(255 * mask_of(index % 9)))
        np.save(reel.root / "depths" / f"depth.{1001 + index}.npy", depth_of(index % 9))
    places = [
        "refine",
        str(reel.root / "shots/shot.####.png"),
        "--masks",
        str(reel.root / "mattes"),
    ]
    places += ["--depths", str(reel.root / "depths"), "-o", str(reel.out)]
    network = ["--weights", str(reel.weights), "--device", "cpu", "--precision", "fp32"]
    process = launch(*places, *network)
    while len(list(reel.out.glob("shot.*.tiff"))) < 3:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = {path.name for path in reel.out.glob("shot.*.tiff")}
    assert len(done) < 40
    said = reel.refine()
    assert said.code == 0
    assert "going on where it stopped" in said.text
    assert sum(row["status"] == "done" for row in reel.records().values()) == 40
    killed = reel.files()
    assert reel.refine("--overwrite").code == 0
    assert reel.files() == killed


def test_a_folder_is_a_clip_when_that_is_said(reel):
    assert reel.refine("--clip", shots="shots", masks="mattes").code == 0
    assert sorted(reel.records()) == [f"shot.{number}.png" for number in reel.numbers]


def test_codes_stay_in_their_codes_and_exr_keeps_floats(reel):
    for index, number in enumerate(reel.numbers):
        codes = np.rint(depth_of(index) * 10000).astype(np.uint16)
        reel.picture("codes", f"z{number}.png", codes)
    assert reel.refine(depths="codes/z####.png").code == 0
    codes = cv2.imread(str(reel.root / "codes/z1002.png"), cv2.IMREAD_UNCHANGED)
    refined = cv2.imread(str(reel.out / "shot.1002.png"), cv2.IMREAD_UNCHANGED)
    assert refined.dtype == np.uint16
    far = cv2.dilate(mask_of(1), np.ones((15, 15))) == 0
    np.testing.assert_array_equal(refined[far], codes[far])
    assert (refined != codes).any()


def test_frames_without_a_mask_fail_and_the_others_are_refined(reel):
    (reel.root / "mattes/matte.1003.png").unlink()
    said = reel.refine()
    assert said.code == 1
    assert "shot.1003.png: no mask for it in" in said.text
    assert "matte.%04d.png: 1 frame is missing between its first and its last: 1003" in said.text
    assert [row["status"] for row in reel.records().values()].count("done") == 4


def test_a_gap_of_the_clip_is_told_and_fails_nothing(reel):
    (reel.root / "shots/shot.1002.png").unlink()
    said = reel.refine()
    assert said.code == 0
    assert "shot.####.png: 1 frame is missing between its first and its last: 1002" in said.text
    assert not (reel.out / "shot.1002.tiff").exists()


def renumber(reel, folder, word, shift):
    paths = sorted((reel.root / folder).iterdir(), reverse=shift > 0)
    for path in paths:
        number = int(path.name.split(".")[1]) + shift
        path.rename(path.with_name(f"{word}.{number:04d}{path.suffix}"))


def test_as_many_frames_of_other_numbers_pair_in_order_and_a_line_says_so(reel):
    assert reel.refine().code == 0
    before = {name: data for name, data in reel.files().items()}
    renumber(reel, "mattes", "matte", -1001)
    said = reel.refine("--overwrite")
    assert said.code == 0
    assert "matte.%04d.png is numbered 0-4" in said.text
    assert "they pair in order" in said.text
    assert reel.files() == before


def test_numbers_of_which_none_is_in_both_are_an_error(reel):
    renumber(reel, "mattes", "matte", -1001)
    (reel.root / "mattes/matte.0004.png").unlink()
    said = reel.refine()
    assert said.code == 2
    assert "no number is in both; renumber one of them" in said.text
    assert not reel.out.exists()


def test_more_masks_than_frames_pair_by_number(reel):
    for number in (1001, 1005):
        (reel.root / f"shots/shot.{number}.png").unlink()
    assert reel.refine().code == 0
    assert sorted(reel.records()) == [f"shot.{number}.png" for number in (1002, 1003, 1004)]


def test_a_matte_that_has_all_but_left_the_frame_is_nearly_black_not_white(reel):
    nearly = np.zeros(mask_of(0).shape, np.uint8)
    nearly[10:20, :3] = 1
    reel.picture("mattes", "matte.1001.png", nearly)
    assert reel.refine().code == 0
    change = np.abs(written(reel, 1001) - depth_of(0)).max()
    full = load_refiner(reel.weights, device="cpu", precision="fp32", whole_range=(1.0, 6.0))
    as_white = full.refine(photo_of(0), depth_of(0), nearly.astype(np.float32)).depth
    assert np.abs(as_white - depth_of(0)).max() > 10 * change


def test_masks_of_nothing_but_0_and_1_are_taken_as_they_are(reel):
    assert reel.refine().code == 0
    before = reel.files()
    for index, number in enumerate(reel.numbers):
        reel.picture("mattes", f"matte.{number}.png", np.uint8(mask_of(index)))
    assert reel.refine("--overwrite").code == 0
    assert reel.files() == before


def test_a_part_of_the_clip_then_the_rest_is_the_whole(reel):
    assert reel.refine().code == 0
    whole = reel.files()
    for path in reel.out.iterdir():
        path.unlink()
    assert reel.refine("--frames", "1002-1003").code == 0
    assert sorted(reel.files()) == ["shot.1002.tiff", "shot.1003.tiff"]
    first = (reel.out / "shot.1002.tiff").stat().st_mtime_ns
    said = reel.refine()
    assert "written by an earlier run" in said.text
    assert (reel.out / "shot.1002.tiff").stat().st_mtime_ns == first
    assert reel.files() == whole


def test_shares_are_neighbouring_frames_and_make_the_whole_clip(reel):
    assert reel.refine().code == 0
    whole = reel.files()
    for path in reel.out.iterdir():
        path.unlink()
    assert reel.refine("--shard", "1/2").code == 0
    assert sorted(name for name in reel.files() if name.endswith("tiff")) == [
        "shot.1001.tiff",
        "shot.1002.tiff",
    ]
    assert reel.refine("--shard", "2/2").code == 0
    assert command("merge-manifests", reel.out).code == 0
    assert reel.files() == whole
    assert len(reel.records()) == reel.count


def test_a_damaged_frame_fails_alone(reel):
    (reel.root / "depths/depth.1003.npy").write_bytes(b"\x93NUMPY")
    said = reel.refine()
    assert said.code == 1
    assert "failed: shot.1003.png: " in said.text
    assert "depth.1003.npy" in said.text
    assert len(reel.files()) == 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shots": "shots/none.####.png"}, "no file of such a name"),
        ({"masks": "nowhere"}, "no such file or folder"),
        ({"masks": "mattes/matte.1001.png"}, "one file, but a clip needs a mask a frame"),
        ({"out": "shots", "depths": "shots/shot.####.png"}, ""),
    ],
)
def test_what_is_not_there_is_one_line(reel, given, words):
    said = reel.refine(**given)
    assert said.code in (1, 2)
    assert words in said.text
    assert "Traceback" not in said.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--frames", "7-3"), "give two numbers, such as 1001-1100"),
        (("--frames", "1-3"), "has the frames 1001-1005, none of these"),
        (("--depth-range", "1"), "give two numbers, such as 0,255"),
        (("--embed",), "--embed: not for clips"),
        (("--matte", "hair", "--sky", "x"), "--matte and --sky: not for clips"),
    ],
)
def test_options_that_a_clip_cannot_have_are_one_line(reel, options, words):
    said = reel.refine(*options)
    assert said.code in (2, 3)
    assert words in said.text


def test_masks_of_a_clip_for_a_folder_of_photos_tell_what_to_say(reel):
    (reel.root / "matte.mp4").write_bytes(b"video")
    said = reel.refine(shots="shots", masks="matte.mp4")
    assert said.code == 2
    assert "matte.mp4 is a clip; say --clip if" in said.text


def test_a_stack_for_a_folder_of_photos_tells_what_to_say(reel):
    np.save(reel.root / "stack.npy", np.zeros((5, *mask_of(0).shape)))
    reel.picture("one", "stack.png", photo_of(0))
    reel.picture("one-masks", "stack.png", np.uint8(255 * mask_of(0)))
    said = reel.refine(shots="one", masks="one-masks", depths="stack.npy")
    assert said.code == 1
    assert "frames of a clip go with --clip" in said.text


def test_options_of_clips_need_one(reel):
    said = reel.refine("--frames", "1-2", shots="shots", masks="mattes")
    assert said.code == 2
    assert "are for clips" in said.text


def test_a_folder_of_two_sequences_is_told_with_their_patterns(reel):
    reel.picture("mattes", "other.1001.png", np.uint8(255 * mask_of(0)))
    said = reel.refine(masks="mattes")
    assert said.code == 2
    assert "holds several sequences, matte.####.png, other.####.png" in said.text


def test_a_number_that_is_there_twice_is_told(reel):
    reel.picture("shots", "shot.01001.png", photo_of(0))
    said = reel.refine()
    assert said.code == 2
    assert "frame 1001 is there twice, as shot.01001.png and shot.1001.png" in said.text


def test_masks_of_another_shape_are_told_once_before_any_work(reel):
    for number in reel.numbers:
        reel.picture("mattes", f"matte.{number}.png", np.full((40, 40), 255, np.uint8))
    said = reel.refine()
    assert said.code == 1
    assert "the mask is 40x40, its photo 48x40" in said.text
    assert said.text.count("aspect") == 1


def test_instance_maps_take_the_place_of_masks(reel):
    for index, number in enumerate(reel.numbers):
        reel.picture("ids", f"{number}.png", np.uint8(3 * mask_of(index)))
    network = ("--weights", reel.weights, "--device", "cpu")
    places = ("--instances", reel.root / "ids", "--depths", reel.root / "depths", "-o", reel.out)
    said = command("refine", reel.root / "shots/shot.%d.png", *places, *network)
    assert said.code == 0, said.text
    assert len(reel.files()) == reel.count
