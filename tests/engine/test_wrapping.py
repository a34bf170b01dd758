"""Panoramas of 360 degrees: their ends are neighbours, whatever lies across."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from maskdepth_cli.engine.finishing import FinishSettings, finish
from maskdepth_cli.engine.loading import load_refiner
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.wrapping import joined, widened
from maskdepth_cli.errors import ArrayError
from maskdepth_cli.side.predictor import Predictor
from maskdepth_cli.side.preprocessing import PREPROCESSING
from maskdepth_cli.side.settings import PredictSettings

SIZE = (96, 256)
HALF = SIZE[1] // 2
RADIUS = 20
LAYERS = ("depth", "foreground", "background")


def turned(columns, *arrays):
    return [np.roll(array, columns, axis=1) for array in arrays]


def panorama():
    """A near disc across the ends, before a background that goes round; its depth is blurred."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    mask = (np.hypot(rows - 50, columns - HALF) < RADIUS).astype(np.float32)
    behind = 2 + np.sin(columns / SIZE[1] * 2 * np.pi)
    depth = cv2.GaussianBlur(np.where(mask, 6, behind).astype(np.float32), (0, 0), 3)
    image = np.random.default_rng(0).uniform(0, 0.2, (*SIZE, 3)).astype(np.float32)
    image += 0.6 * mask[..., None]
    return turned(HALF, image, depth, mask)


@pytest.fixture(scope="module")
def refiners():
    """The embedded weights and default settings, without and with the switch."""
    return [load_refiner(device="cpu", wrap=wrap) for wrap in (False, True)]


def refine(refiner, way, image, depth, mask):
    if way == "mask":
        return refiner.refine(image, depth, mask)
    if way == "masks":
        return refiner.refine_instances(image, depth, [mask])
    return refiner.refine_instances(image, depth, mask.astype(np.int32))


@pytest.mark.parametrize("way", ["mask", "masks", "instances"])
def test_a_turned_panorama_gives_the_turned_result(refiners, way):
    """The disc across the ends is refined as the same disc in the middle; without wrap it isn't."""
    scene = panorama()
    span = np.ptp(scene[1])
    errors = []
    for refiner in refiners:
        across = refine(refiner, way, *scene)
        inside = refine(refiner, way, *turned(HALF, *scene))
        errors.append(
            [
                np.abs(np.roll(getattr(inside, name), HALF, 1) - getattr(across, name))[
                    :, np.r_[:RADIUS, -RADIUS:0]
                ].mean()
                / span
                for name in LAYERS
            ]
        )
        assert across.changed[:, [0, -1]].any(axis=0).all()
        np.testing.assert_array_equal(across.mask, scene[2])
    without, wrapped = np.array(errors)
    assert (wrapped < 0.003).all(), wrapped
    assert (without > 4 * wrapped).all(), errors


def test_no_step_comes_between_the_ends(refiners):
    """What is added steps from the last to the first column no more than between those beside."""
    image, depth, mask = turned(15, *panorama())  # five columns of the disc beyond the end
    steps = []
    for refiner in refiners:
        refined = refiner.refine(image, depth, mask)
        for name in LAYERS:
            added = np.roll(getattr(refined, name) - depth, HALF, 1)
            across = np.abs(np.diff(added, axis=1)).mean(axis=0)
            beside = np.r_[across[HALF - 11 : HALF - 1], across[HALF : HALF + 10]]
            steps.append(across[HALF - 1] / beside.max())
    without, wrapped = np.reshape(steps, (2, 3))
    assert (wrapped < 1).all(), wrapped
    assert (without > wrapped).all()
    assert (without[1:] > 2).all(), without


def test_what_is_not_changed_is_the_input(refiners):
    image, depth, mask = panorama()
    depth[3, [0, 5, -1]] = np.nan, np.inf, -np.inf
    refined = refiners[1].refine(image, depth, mask)
    assert 0.02 < refined.changed.mean() < 0.6
    np.testing.assert_array_equal(refined.depth[~refined.changed], depth[~refined.changed])
    np.testing.assert_array_equal(np.isfinite(refined.depth), np.isfinite(depth))
    again = load_refiner(device="cpu", wrap=True, layers=False).refine(image, depth, mask)
    np.testing.assert_array_equal(again.depth, refined.depth)
    np.testing.assert_array_equal(again.foreground, depth)


@pytest.mark.parametrize("share", [0.03, 0.06])
def test_the_share_of_an_instance_is_that_of_the_panorama(share):
    """The disc covers 5% of it, and would cover twice 3.4% of the widened one."""
    refiner = load_refiner(device="cpu", wrap=True, min_instance_share=share)
    scene = panorama()
    assert 0.05 < scene[2].mean() < 0.052
    for way in ("mask", "masks", "instances"):
        refined = refine(refiner, way, *scene)
        assert refined.changed.any() == (share < 0.05)
    np.testing.assert_array_equal(refiner.refine(*scene).mask, scene[2])


def test_sides_fade_into_each_other():
    """16 columns see 4 more on each side; the last 2 of each end mix by 1/8, 3/8, 5/8, 7/8."""
    wide = widened(np.zeros((1, 16), np.float32))
    assert wide.shape == (1, 24)
    wide[:, 12:] = 8  # what the right half was seen as
    wide[0, 20] = np.nan
    expected = [0, 1, *[0] * 6, *[8] * 6, 7, 5]
    np.testing.assert_array_equal(joined(wide, 16), [expected])


def test_pictures_that_go_round_are_not_higher_than_wide(refiners):
    tall = np.ones((40, 30), np.float32)
    with pytest.raises(ArrayError, match=r"wrap: 30 x 40 pixels .* leave wrap out"):
        refiners[1].refine(np.ones((40, 30, 3), np.float32), tall, tall)
    image, depth, mask = panorama()
    for way in ("mask", "masks"):
        with pytest.raises(ArrayError, match=r"mask .* differ in size"):
            refine(refiners[1], way, image, depth, mask[:, 1:])
    narrow = np.ones((1, 3), np.float32)  # too narrow for a margin
    assert not refiners[1].refine(np.ones((1, 3, 3), np.float32), narrow, narrow).changed.any()


def test_an_object_grows_over_the_ends():
    mask = np.zeros((5, 12), np.float32)
    mask[:, -2:] = 1
    zero, one = np.zeros_like(mask), np.ones_like(mask)
    refined = RefinedDepth(mask.copy(), one, zero, mask, mask > 0)
    grown = FinishSettings(grow=3)
    expected = [1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    np.testing.assert_array_equal(finish(refined, grown, wrap=True).depth[2], expected)
    expected[:3] = [0, 0, 0]
    np.testing.assert_array_equal(finish(refined, grown).depth[2], expected)
    shrunk = finish(refined, replace(grown, grow=-1), wrap=True).depth[2]
    np.testing.assert_array_equal(shrunk, zero[0])


class Beside(torch.nn.Module):
    """Brightness less that of 40 columns further left, black beyond the picture."""

    def forward(self, rgb):
        gray = rgb.mean(1, keepdim=True)
        left = torch.nn.functional.pad(gray, (40, 0), value=-1)[..., :-40]
        return gray - left


def test_predicted_depth_goes_round():
    image = panorama()[0]
    image = cv2.GaussianBlur(image, (0, 0), 4)
    for wrap in (False, True):
        predictor = Predictor(
            Beside(),
            replace(PREPROCESSING["dpt-large"], size=SIZE[0]),
            settings=PredictSettings(device="cpu", wrap=wrap),
        )
        depth = predictor.predict(image)
        other = np.roll(predictor.predict(np.roll(image, HALF, 1)), HALF, 1)
        assert depth.shape == SIZE
        assert (np.abs(depth - other).max() < 0.02 * np.ptp(depth)) == wrap
