from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.viewing.parallax import parallax
from maskdepth_cli.viewing.stereo import anaglyph, stereo_pair
from maskdepth_cli.viewing.views import Camera, LayeredScene, layered_scene, view

SHAPE = (90, 160)


def pattern(shift=0.0, seed=0):
    """A smooth picture of sines, moved to the right by a part of a pixel or by many."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64)
    columns = columns - shift
    waves = [np.sin(columns / (5 + k + seed) + rows / (9 + 2 * k)) for k in range(3)]
    return 127 + 100 * np.stack(waves, axis=2)


def two_planes(near=0.9, far=0.1):
    mask = np.zeros(SHAPE, np.float32)
    mask[20:70, 50:100] = 1
    front, back = (np.rint(pattern(seed=seed)).astype(np.uint8) for seed in (0, 4))
    flat = np.ones(SHAPE, np.float32)
    return LayeredScene(front, back, mask, near * flat, far * flat)


@pytest.mark.parametrize(("strength", "convergence"), [(0.05, 0.5), (0.1, 0.9), (0.07, 0.0)])
def test_both_eyes_see_two_planes_as_the_formula_has_them(strength, convergence):
    left, right = stereo_pair(two_planes(), strength, convergence)
    columns = np.arange(SHAPE[1])
    for picture, sign in ((left, 1), (right, -1)):
        moved = [sign * strength * SHAPE[1] / 2 * (s - convergence) for s in (0.9, 0.1)]
        front, back = (pattern(m, seed) for m, seed in zip(moved, (0, 4), strict=True))
        inside = (columns > 50 + moved[0] + 1) & (columns < 99 + moved[0] - 1)
        outside = (columns < 49 + moved[0] - 1) | (columns > 100 + moved[0] + 1)
        outside &= (columns > 12) & (columns < SHAPE[1] - 12)  # beyond is no photo
        np.testing.assert_allclose(picture[21:69, inside], front[21:69, inside], atol=2)
        np.testing.assert_allclose(picture[21:69, outside], back[21:69, outside], atol=2)
        np.testing.assert_allclose(picture[:19, 12:-12], back[:19, 12:-12], atol=2)


@pytest.mark.parametrize("nearness", [0.0, 0.3, 0.65, 1.0])
def test_disparities_are_right_to_a_tenth_of_a_pixel(nearness):
    scene = two_planes(near=nearness)
    whole = LayeredScene(
        scene.foreground, scene.background, np.ones(SHAPE, np.float32), scene.near, scene.far
    )
    left, right = (one[30:60, 30:130].astype(float) for one in stereo_pair(whole, 0.06, 0.4))
    expected = 0.06 * SHAPE[1] * (nearness - 0.4)
    shifts = np.arange(-8, 8.01, 0.05)
    true = pattern()[30:60]
    columns = np.arange(30, 130)

    def offset(picture):
        errors = [
            np.mean(
                [
                    (np.interp(columns - s, range(SHAPE[1]), true[r, :, 0]) - picture[r, :, 0]) ** 2
                    for r in range(0, 30, 6)
                ]
            )
            for s in shifts
        ]
        return shifts[int(np.argmin(errors))]

    assert offset(left) - offset(right) == pytest.approx(expected, abs=0.1)


def test_without_a_movement_the_photo_comes_back():
    scene = two_planes()
    photo = np.where(scene.mask[..., None] == 1, scene.foreground, scene.background)
    np.testing.assert_array_equal(view(scene, Camera()), photo)


def test_what_is_uncovered_is_the_background_and_no_rubber():
    """A step within one layer, too: no colours between those of its sides are drawn out."""
    flat = np.ones(SHAPE, np.float32)
    mask = np.zeros(SHAPE, np.float32)
    mask[:, 60:] = 1
    red, blue = (
        np.full((*SHAPE, 3), (255, 0, 0), np.uint8),
        np.full((*SHAPE, 3), (0, 0, 255), np.uint8),
    )
    drawn = view(LayeredScene(red, blue, mask, flat, 0 * flat), Camera((16, 0), pivot=0))
    np.testing.assert_array_equal(drawn[:, 8:75, 2], 255)
    np.testing.assert_array_equal(drawn[:, 78:140, 0], 255)

    step = np.where(np.arange(SHAPE[1]) < 80, 0.0, 1.0) * flat
    colors = red.copy()
    colors[:, :80:2] = (0, 255, 0)  # stripes: rubber would widen one of them
    own = view(
        LayeredScene(colors, blue, flat, step.astype(np.float32), 0 * flat),
        Camera((12, 0), pivot=0),
    )
    assert (own[:, 82:90, 2] > 200).mean() > 0.9
    np.testing.assert_allclose(own[:, 5:78], colors[:, 5:78], atol=2)


def test_the_nearer_of_two_surfaces_of_a_layer_hides_the_other():
    flat = np.ones(SHAPE, np.float32)
    step = np.where(np.arange(SHAPE[1]) < 80, 1.0, 0.0) * flat
    colors = np.zeros((*SHAPE, 3), np.uint8)
    colors[:, :80], colors[:, 80:] = (200, 0, 0), (0, 200, 0)
    drawn = view(
        LayeredScene(colors, colors, 0 * flat, step.astype(np.float32), step.astype(np.float32)),
        Camera((12, 0), pivot=0),
    )
    assert drawn[:, 82:90, 0].min() > 190
    assert drawn[:, 95:, 1].min() > 190


def test_unknown_depth_is_far_and_a_scene_can_be_smaller():
    photo = np.rint(pattern()).astype(np.uint8)
    depth = np.tile(np.linspace(1, 2, SHAPE[1], dtype=np.float32), (SHAPE[0], 1))
    depth[:10] = np.nan
    scene = layered_scene(photo, depth, depth, np.zeros(SHAPE, np.float32), 80)
    assert scene.far.shape == (45, 80)
    assert np.isfinite(scene.far).all()
    assert scene.far[0].max() == 0
    assert 0 <= scene.far.min() < scene.far.max() <= 1


@pytest.mark.parametrize("path", ["orbit", "zoom", "pan"])
def test_a_path_moves_and_comes_back(path):
    scene = two_planes()
    frames = list(parallax(scene, path, 0.06, 8))
    assert {frame.shape for frame in frames} == {(90, 160, 3)}
    steps = [
        np.abs(a.astype(int) - b).mean()
        for a, b in zip(frames, frames[1:] + frames[:1], strict=True)
    ]
    assert max(steps) < 3.5 * np.median(steps)  # also from the last one to the first
    assert min(steps) >= 0
    assert np.median(steps) > 0.5


def test_an_anaglyph_shows_each_eye_its_colours():
    gray = np.full((4, 4, 3), 128, np.uint8)
    np.testing.assert_allclose(anaglyph(gray, gray), 128, atol=6)
    black = np.zeros_like(gray)
    left, right = anaglyph(gray, black)[0, 0], anaglyph(black, gray)[0, 0]
    assert left[0] > 100 > 10 > max(left[1:])
    assert right[0] < 10 < 100 < min(right[1:])


def test_a_haze_in_the_mask_does_not_move_with_the_object():
    random = np.random.default_rng(7)
    image = np.rint(random.uniform(60, 200, (*SHAPE, 3))).astype(np.uint8)
    clear = np.zeros(SHAPE, np.float32)
    clear[20:70, 50:100] = 1
    image[clear == 1] = (230, 30, 30)
    near, far = np.full(SHAPE, 2, np.float32), np.zeros(SHAPE, np.float32)
    far[0, 0] = 0.1
    right, hazy = (
        view(layered_scene(image, near, far, mask), Camera((12, 0), pivot=1.0))
        for mask in (clear, np.maximum(clear, np.float32(0.25)))
    )
    assert np.abs(hazy.astype(int) - right).mean() < 0.5


def test_a_background_as_near_as_the_object_lies_behind_it():
    """Two surfaces in one place flicker in 3D viewers."""
    photo = np.rint(pattern()).astype(np.uint8)
    depth = np.tile(np.linspace(1, 2, SHAPE[1], dtype=np.float32), (SHAPE[0], 1))
    mask = np.zeros(SHAPE, np.float32)
    mask[20:70, 50:100] = 1
    scene = layered_scene(photo, depth, depth, mask)
    inside = mask == 1
    np.testing.assert_allclose((scene.near - scene.far)[inside], 0.01, atol=1e-5)
    np.testing.assert_array_equal(scene.near[~inside], scene.far[~inside])
