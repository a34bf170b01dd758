"""Videos: exact codes, frames in order and after a seek, what does not fit said in one line."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
import tifffile
from reel import command, depth_of, encode, mask_of, photo_of

from maskdepth_cli import load_refiner
from maskdepth_cli.clips.videos import VideoFrames

av = pytest.importorskip("av")


def plane(value, bits=8, size=(32, 48)):
    return np.full(size, value, np.uint8 if bits == 8 else np.uint16)


@pytest.fixture
def videos(reel):
    """The reel as three videos without loss: `clip.mkv`, `matte.mkv`, `depth.mkv` of 16 bits."""
    count = range(reel.count)
    encode(reel.root / "clip.mkv", [photo_of(i) for i in count], "bgr0", given="rgb24")
    encode(reel.root / "matte.mkv", [np.uint8(255 * mask_of(i)) for i in count], "gray")
    encode(reel.root / "depth.mkv", [codes_of(i) for i in count], "gray16le")
    return reel


def codes_of(index):
    return np.rint(depth_of(index) * 10000).astype(np.uint16)


def refine(reel, *more, shots="clip.mkv", masks="matte.mkv", depths="depth.mkv", out="out"):
    return reel.refine(*more, shots=shots, masks=masks, depths=depths, out=out)


def test_a_video_is_refined_as_its_frames_are(videos):
    said = refine(videos)
    assert said.code == 0, said.text
    assert sorted(videos.records()) == [f"clip.{number:04d}" for number in range(1, 6)]
    codes = [codes_of(index) for index in range(videos.count)]
    whole = (float(np.min(codes)), float(np.max(codes)))
    refiner = load_refiner(videos.weights, device="cpu", precision="fp32", whole_range=whole)
    for index in range(videos.count):
        given = codes[index].astype(np.float32)
        wanted = refiner.refine(photo_of(index), given, mask_of(index)).depth
        found = cv2.imread(str(videos.out / f"clip.{index + 1:04d}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(found, np.rint(wanted).astype(np.uint16))


@pytest.mark.parametrize("out", ["depth.mkv", "depth.mp4"])
def test_depth_goes_into_one_video_and_comes_back(videos, out):
    assert refine(videos).code == 0
    said = refine(videos, out=f"made/{out}")
    assert said.code == 0, said.text
    assert [path.name for path in (videos.root / "made").iterdir()] == [out]
    made = VideoFrames(videos.root / "made" / out, "gray")
    assert len(made.numbers) == videos.count
    assert made.rate == 24
    step = 1 if out.endswith("mkv") else 65535 / 4095
    for number in made.numbers:
        kept = cv2.imread(str(videos.out / f"clip.{number:04d}.png"), cv2.IMREAD_UNCHANGED)
        found = made.frame(number).colour * step
        assert np.abs(found - kept).max() <= step / 2 + 1e-6 if step > 1 else (found == kept).all()
    again = refine(videos, "--format", "npy", depths=f"made/{out}", out="again")
    assert again.code == 0, again.text
    kept = cv2.imread(str(videos.out / "clip.0001.png"), cv2.IMREAD_UNCHANGED)
    far = cv2.dilate(mask_of(0), np.ones((25, 25))) == 0
    values = np.load(videos.root / "again" / "clip.0001.npy")
    np.testing.assert_allclose(values[far], kept[far], atol=step / 2 + 0.01)


def test_floats_become_codes_of_the_range_of_the_clip(videos):
    said = refine(videos, depths="depths", out="made.mkv")
    assert said.code == 0, said.text
    made = VideoFrames(videos.root / "made.mkv", "gray")
    depths = np.array([depth_of(index) for index in range(videos.count)])
    low, high = float(depths.min()), float(depths.max())
    assert float(made.facts["offset"]) == pytest.approx(low)
    assert float(made.facts["step"]) == pytest.approx((high - low) / 65535)
    refine(videos, depths="depths")
    wanted = tifffile.imread(videos.out / "clip.0003.tiff")
    values = low + made.frame(3).colour * ((high - low) / 65535)
    np.testing.assert_allclose(values, wanted.clip(low, high), atol=(high - low) / 65535)


@pytest.mark.parametrize(
    ("samples", "bits", "codec"),
    [
        ("gray", 8, "ffv1"),
        ("gray10le", 10, "ffv1"),
        ("gray12le", 12, "ffv1"),
        ("gray16le", 16, "ffv1"),
    ],
)
def test_gray_codes_are_those_of_the_file(tmp_path, samples, bits, codec):
    values = [0, 1, 2 ** (bits - 1), 2**bits - 1]
    frames = [plane(value, bits) for value in values]
    given = None
    if bits in (10, 12):
        given = samples
    path = encode(tmp_path / "a.mkv", frames, samples, codec, given=given)
    video = VideoFrames(path, "gray")
    for number, value in zip(video.numbers, values, strict=True):
        raster = video.frame(number)
        assert raster.white == 2**bits - 1
        assert (raster.colour == value).all()


def test_luma_of_16_to_235_is_spread_over_all_codes(tmp_path):
    luma = [16, 126, 235]
    frames = [np.vstack([plane(value), plane(128, size=(16, 48))]) for value in luma]
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=24)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for pixels in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="yuv420p")))
        file.mux(stream.encode(None))
    video = VideoFrames(path, "gray")
    found = [int(video.frame(number).colour[5, 5]) for number in video.numbers]
    assert found == [0, round((126 - 16) / 219 * 65535), 65535]


def test_a_matte_of_a_codec_with_loss_is_black_and_white_where_it_nearly_is(reel):
    mattes = [cv2.merge([np.uint8(255 * mask_of(i))] * 3) for i in range(reel.count)]
    encode(reel.root / "matte.mp4", mattes, "yuv420p", "libx264", given="rgb24", crf="18")
    from maskdepth_cli.clips.reading import MaskFrames

    masks = MaskFrames(VideoFrames(reel.root / "matte.mp4", "gray"))
    for index in range(reel.count):
        mask = masks.read(index + 1)
        away = cv2.dilate(mask_of(index), np.ones((9, 9))) == 0
        assert (mask[away] == 0).mean() > 0.99
        assert np.abs(mask - mask_of(index)).mean() < 0.02


def test_frames_are_found_by_number_after_a_seek_whatever_their_order_in_the_file(tmp_path):
    frames = [cv2.merge([plane(10 + 2 * i, size=(64, 64))] * 3) for i in range(100)]
    path = encode(
        tmp_path / "a.mp4", frames, "yuv420p", "libx264", given="rgb24", g="12", bf="3", crf="4"
    )
    video = VideoFrames(path, "colour")
    assert len(video.numbers) == 100
    for number in (1, 2, 70, 69, 3, 100, 55, 56, 58, 57):
        assert abs(int(video.frame(number).colour[9, 9, 1]) - (8 + 2 * number)) <= 1, number


def test_a_video_that_was_filmed_upright_is_turned(tmp_path):
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:, 40:] = 255  # the right side
    path = encode(tmp_path / "a.mp4", [pixels] * 2, "yuv444p", "libx264", given="rgb24", turn=90)
    turned = VideoFrames(path, "colour").frame(1).colour
    assert turned.shape == (48, 32, 3)
    assert turned[:6].min() > 200  # counter-clockwise: right becomes top
    assert turned[12:].max() < 60


def test_few_frames_are_held_however_long_the_clip_is(tmp_path, monkeypatch):
    frames = [cv2.merge([plane(i % 250, size=(64, 64))] * 3) for i in range(300)]
    path = encode(tmp_path / "a.mp4", frames, "yuv420p", "libx264", given="rgb24", bf="3")
    video = VideoFrames(path, "colour")
    most = 0
    for number in video.numbers:
        video.frame(number)
        most = max(most, len(video._reader._held))
    assert most <= 1
    for number in range(1, 301, 7):
        video.frame(number)
        most = max(most, len(video._reader._held))
    assert most <= 16


def test_a_video_of_other_length_is_an_error_unless_frames_are_named(videos):
    encode(videos.root / "short.mkv", [np.uint8(255 * mask_of(i)) for i in range(4)], "gray")
    said = refine(videos, masks="short.mkv")
    assert said.code == 2
    assert "short.mkv has 4 frames" in said.text
    assert "or say --frames 1-4 if both begin with the same frame" in said.text
    said = refine(videos, "--frames", "1-4", masks="short.mkv")
    assert said.code == 0
    assert "pair from the first frame on" in said.text
    assert len(videos.records()) == 4


def test_other_rates_are_told(videos):
    mattes = [np.uint8(255 * mask_of(i)) for i in range(5)]
    encode(videos.root / "fast.mkv", mattes, "gray", rate=30)
    said = refine(videos, masks="fast.mkv")
    assert said.code == 0
    assert "fast.mkv has 30 frames a second" in said.text
    encode(videos.root / "fast.mkv", mattes[:4], "gray", rate=30)
    said = refine(videos, masks="fast.mkv")
    assert said.code == 2
    assert "their frames are not the same" in said.text


def test_a_colour_map_is_no_depth(videos):
    said = refine(videos, depths="clip.mkv")
    assert said.code == 1
    assert "a colour picture is no depth map" in said.text
    assert not list(videos.root.glob("out/*.png"))


@pytest.mark.parametrize("data", [b"", b"no video at all", None])
def test_a_video_that_cannot_be_read_is_one_line(videos, data):
    path = videos.root / "matte.mkv"
    path.write_bytes(path.read_bytes()[:200] if data is None else data)
    said = refine(videos)
    assert said.code == 1
    assert "matte.mkv: cannot be read as a video" in said.text
    assert len(said.text.splitlines()) == 1


def test_a_video_that_is_cut_off_fails_where_it_ends(videos):
    path = videos.root / "depth.mkv"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    said = refine(videos)
    assert said.code == 2
    assert "depth.mkv has" in said.text


def test_without_pyav_a_line_says_what_to_install(videos):
    code = """
import sys
sys.modules["av"] = None
from maskdepth_cli.__main__ import main
sys.argv = ["maskdepth", *sys.argv[1:]]
main()
"""
    places = [str(videos.root / name) for name in ("clip.mkv", "matte.mkv", "depth.mkv")]
    given = ["refine", places[0], "--masks", places[1], "--depths", places[2]]
    ended = subprocess.run(
        [sys.executable, "-c", code, *given], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "clip.mkv: a video needs av, which is not installed: pip install" in ended.stderr
    assert "maskdepth[video]" in ended.stderr


def test_a_killed_run_into_a_video_goes_on_and_options_that_need_a_folder_are_told(videos):
    assert refine(videos, "--frames", "2-3", out=".made.mkv.frames", depths="depths").code == 0
    said = refine(videos, "--layers", out="made.mkv")
    assert said.code == 2
    assert "--layers need a folder" in said.text
    assert refine(videos, out="made.mkv").code == 0
    assert len(VideoFrames(videos.root / "made.mkv", "gray").numbers) == videos.count
    assert not (videos.root / ".made.mkv.frames").exists()


@pytest.mark.parametrize("name", ["made.mov", "made.exr", "made.png", "made.npy"])
def test_files_that_clips_are_not_written_as_are_told(videos, name):
    said = refine(videos, out=name)
    assert said.code == 2
    assert "take one of .mkv .mp4 .npz, or a folder" in said.text
    assert not (videos.root / name).exists()


def test_networks_that_make_masks_take_photos(videos):
    places = (videos.root / "clip.mkv", "--masks", "rembg", "--depths", videos.root / "depth.mkv")
    said = command("refine", *places, "-o", videos.out)
    assert said.code == 2
    assert "--masks rembg: makes masks of photos" in said.text


def test_what_is_an_input_is_never_the_target(videos):
    before = (videos.root / "depth.mkv").read_bytes()
    said = refine(videos, out="depth.mkv")
    assert said.code == 2
    assert "is an input and the target" in said.text
    assert (videos.root / "depth.mkv").read_bytes() == before
