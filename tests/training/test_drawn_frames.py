"""Drawn RGB-D frames: surfaces as a camera sees them, measured from outside."""

from __future__ import annotations

import numpy as np

from maskdepth_cli.training.catalog import open_frames
from maskdepth_cli.training.recipe import FrameSource, load_recipe
from maskdepth_cli.training.request import TrainRequest
from maskdepth_cli.training.run import train


def frames(tmp_path, count):
    source = open_frames([FrameSource("drawn")], [], tmp_path)
    return [source.draw(np.random.default_rng(i)) for i in range(count)]


def plane(frame, instance):
    """(column, row, constant) of the plane through an instance's inverse depth, and its error."""
    rows, columns = np.nonzero(frame.instances == instance)
    height, width = frame.depth.shape
    at = np.stack([columns - width / 2 + 0.5, rows - height / 2 + 0.5, np.ones(len(rows))], axis=1)
    inverse = frame.depth[rows, columns].astype(np.float64)
    found = np.linalg.lstsq(at, inverse, rcond=None)[0]
    return found, np.abs(at @ found - inverse).max()


def test_a_frame_comes_again_and_others_differ(tmp_path):
    first, again = frames(tmp_path, 3), frames(tmp_path, 3)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
        np.testing.assert_array_equal(one.depth, other.depth)
    assert not np.array_equal(first[0].rgb, first[1].rgb)


def test_sky_alone_is_without_depth_and_without_instance(tmp_path):
    drawn = frames(tmp_path, 16)
    for frame in drawn:
        np.testing.assert_array_equal(frame.instances == 0, frame.depth == 0)
        assert np.isfinite(frame.depth).all()
        assert frame.depth.min() >= 0
    open_sky = [(frame.depth == 0).any() for frame in drawn]
    assert any(open_sky)
    assert not all(open_sky)


def test_floors_are_planes_that_lie_one_height_below_the_camera(tmp_path):
    """Inverse depth of a floor is the slope of the ray downwards: the step of a pixel a row."""
    found = 0
    for frame in frames(tmp_path, 16):
        width = frame.depth.shape[1]
        steps = [2 * np.tan(np.radians(half)) / width for half in (25, 42)]  # fields of view
        for instance in np.unique(frame.instances[-1]):  # the floor before tops of boxes
            (across, down, _), error = plane(frame, instance)
            if error < 1e-5 and abs(across) < 1e-7 and down > 0:
                assert steps[0] <= down <= steps[1]
                found += 1
                break
    assert found >= 8


def test_round_and_flat_things_stand_before_their_surroundings(tmp_path):
    """Around most borders of objects the object is the nearer one."""
    nearer = []
    for frame in frames(tmp_path, 16):
        left, right = frame.instances[:, :-1], frame.instances[:, 1:]
        border = (left != right) & (left > 0) & (right > 0)
        later_is_nearer = (frame.depth[:, 1:] - frame.depth[:, :-1]) * np.sign(
            right.astype(int) - left
        )
        nearer.append((later_is_nearer[border] >= 0).mean())
    assert np.mean(nearer) > 0.7  # surroundings are drawn first, so they have the lower numbers


def test_objects_differ_in_colour_at_their_borders(tmp_path):
    inside, across = [], []
    for frame in frames(tmp_path, 8):
        step = np.abs(np.diff(frame.rgb.astype(float), axis=1)).mean(axis=2)
        border = np.diff(frame.instances, axis=1) != 0
        inside.append(np.median(step[~border]))
        across.append(np.median(step[border]))
    assert np.mean(across) > 2 * np.mean(inside)


def test_a_network_trains_on_nothing_that_was_given(tmp_path, recipe_path):
    recipe = tmp_path / "drawn.toml"
    recipe.write_text(
        f'extends = "{recipe_path}"\n[[frames]]\nlayout = "drawn"\n[[masks]]\nlayout = "figures"\n'
        "[data]\npatch = 32\n[stage1]\niterations = 2\nbatch_size = 2\n"
    )
    assert load_recipe(recipe).frames == (FrameSource("drawn"),)
    request = TrainRequest(recipe, stage=1, output=tmp_path / "run", device="cpu", threads=1)
    assert train(request, lambda progress: None).exists()
