"""Depth of a photo network on one scale: known scales and shifts are found again."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from reel import mask_of

from maskdepth_cli.clips.aligning import Aligner, fit

RANDOM = np.random.default_rng(3)
SCENE = RANDOM.normal(size=(60, 80)).cumsum(0).cumsum(1).astype(np.float32)
SCENE = 1 + 4 * (SCENE - SCENE.min()) / np.ptp(SCENE)
PHOTO = (RANDOM.random((60, 80, 3)) * 255).astype(np.uint8)


def square(at):
    mask = np.zeros((60, 80), np.float32)
    mask[20:40, at : at + 15] = 1
    return mask


def frame(index):
    """Return photo, true depth and mask: an object moves over a scene that stands still."""
    mask = square(10 + 6 * index)
    photo = np.where(mask[..., None] > 0, np.uint8(200), PHOTO)
    return photo, np.where(mask > 0, np.float32(9 + index), SCENE), mask


def test_scales_and_shifts_are_undone():
    aligner = Aligner()
    for index, (scale, shift) in enumerate([(1, 0), (1.3, 0.5), (0.6, -0.2), (2.5, 3)]):
        photo, depth, mask = frame(index)
        gain, compared = aligner.add(photo, (depth * scale + shift).astype(np.float32), mask)
        assert compared
        assert gain.scale == pytest.approx(1 / scale, rel=1e-3)
        assert gain.shift == pytest.approx(-shift / scale, abs=5e-3)


def test_noise_does_not_take_contrast_from_frame_to_frame():
    aligner = Aligner()
    photo, depth, mask = frame(0)
    for _ in range(60):
        noisy = depth + RANDOM.normal(0, 0.15 * SCENE.std(), depth.shape).astype(np.float32)
        gain, _ = aligner.add(photo, noisy, mask)
    assert gain.scale == pytest.approx(1, abs=0.05)


def test_an_object_without_a_mask_is_an_outlier():
    aligner = Aligner()
    nothing = np.zeros((60, 80), np.float32)
    for index in range(3):
        photo, depth, _ = frame(index)
        gain, _ = aligner.add(photo, depth * np.float32(1 + index), nothing)
    assert gain.scale == pytest.approx(1 / 3, rel=0.01)


def test_a_cut_keeps_the_scale_and_is_told():
    aligner = Aligner()
    photo, depth, mask = frame(0)
    aligner.add(photo, depth, mask)
    aligner.add(photo, 2 * depth, mask)
    other = (RANDOM.random((60, 80, 3)) * 255).astype(np.uint8)
    gain, compared = aligner.add(other, 7 * depth[::-1], mask)
    assert not compared
    assert gain.scale == pytest.approx(0.5, rel=1e-3)


def test_unlike_depths_are_not_aligned():
    x = RANDOM.random(1000).astype(np.float32)
    assert fit(x, -x) is None
    assert fit(x, RANDOM.random(1000).astype(np.float32)) is None


def test_aligned_frames_keep_still_depth_still(reel):
    random = np.random.default_rng(0)
    for path in (reel.root / "depths").iterdir():
        scale, shift = random.uniform(0.5, 2), random.uniform(-1, 1)
        np.save(path, (np.load(path) * scale + shift).astype(np.float32))

    def wander(out, *options):
        said = reel.refine(*options, out=out)
        assert said.code == 0, said.text
        maps = [tifffile.imread(path) for path in sorted((reel.root / out).glob("*.tiff"))]
        away = sum(mask_of(index) for index in range(reel.count)) == 0
        away[:, :30] = False  # what the object's blur never reached
        return np.abs(np.diff(maps, axis=0))[:, away].mean()

    assert wander("aligned", "--align") < 0.1 * wander("given")
