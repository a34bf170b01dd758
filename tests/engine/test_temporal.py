"""Frames of a clip in order: what is remembered, outvoted, uncovered, and when all is forgotten."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from maskdepth_cli.engine.motion import find_motion, layer_motion, moved
from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.engine.temporal import TemporalRefiner

SIZE = (96, 128)
SETTINGS = RefineSettings(device="cpu", precision="fp32", whole_range=(0.0, 1.0))
EDGE = 40  # column from which the object covers the frame


class Believes(nn.Module):
    """A network that takes the given depth for both layers."""

    def forward(self, depth, mask, rgb):
        """Give the depth back."""
        return depth


@pytest.fixture
def refiner():
    return TemporalRefiner(Believes(), SETTINGS)


def texture(seed=0, size=SIZE, shift=(0, 0)):
    """RGB whose every place is told from the others; moved by (x, y) pixels."""
    noise = np.random.default_rng(seed).random((size[0] + 80, size[1] + 80)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    x, y = shift
    part = smooth[40 - y : 40 - y + size[0], 40 - x : 40 - x + size[1]]
    return np.repeat(part[..., None], 3, axis=2)


def half(edge=EDGE):
    mask = np.zeros(SIZE, np.float32)
    mask[:, edge:] = 1
    return mask


def given(mask, front=0.8, back=0.2):
    return (back + (front - back) * mask).astype(np.float32)


def test_flow_finds_a_shift_and_meets_its_start():
    shift = (5, -3)
    motion = find_motion(*(np.uint8(255 * texture(shift=s)[..., 0]) for s in (shift, (0, 0))))
    inner = np.s_[12:-12, 12:-12]
    np.testing.assert_allclose(motion.flow[inner], np.broadcast_to([-5, 3], (72, 104, 2)), atol=0.5)
    assert motion.certain[inner].mean() > 0.95
    assert not motion.is_cut


def layers_in_motion(bend=None):
    """Gray frames, masks, and true flows of a disc that moves by (6, 1) before a panned texture.

    With ``bend`` (H, W, 2) the texture's flow deviates by that.
    """
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    back = np.float32([2, -1]) + (np.zeros((*SIZE, 2), np.float32) if bend is None else bend)
    grays, masks = [], []
    for step, flow in ((0, 0 * back), (1, back)):
        disc = np.float32(np.hypot(x - 50 - 6 * step, y - 48 - step) < 22)
        mask = cv2.GaussianBlur(disc, (0, 0), 1)
        ground = cv2.remap(
            texture(1, (SIZE[0] + 40, SIZE[1] + 40))[..., 0],
            *(20 + place + flow[..., axis] for axis, place in enumerate((x, y))),
            cv2.INTER_LINEAR,
        )
        object_ = texture(2, shift=(6 * step, step))[..., 0]
        grays.append(np.uint8(255 * (mask * object_ + (1 - mask) * ground)))
        masks.append(mask)
    front = np.broadcast_to(np.float32([-6, -1]), back.shape)
    return grays[::-1], masks[::-1], front, back


def errors(found, true):
    return np.hypot(*np.moveaxis(found - true, -1, 0))


def test_a_layer_moves_as_a_whole_up_to_its_edge_and_behind_the_other():
    photos, masks, front, back = layers_in_motion()
    motion = find_motion(*photos)
    around = (masks[0] < 0.01) & (cv2.dilate(masks[0], np.ones((13, 13))) > 0.5)
    assert errors(motion.flow, back)[around].max() > 4  # flow runs over the edge
    for regions, true in ((masks, front), ([1 - mask for mask in masks], back)):
        assert errors(layer_motion(motion, photos, regions), true).max() < 0.5


def test_a_layer_may_bend_where_its_photos_say_so():
    rows = np.sin(np.linspace(0, 2 * np.pi, SIZE[0], dtype=np.float32))[:, None]
    bend = np.stack([np.broadcast_to(2.5 * rows, SIZE), np.zeros(SIZE, np.float32)], axis=-1)
    photos, masks, _, back = layers_in_motion(bend)
    found = layer_motion(find_motion(*photos), photos, [1 - mask for mask in masks])
    beside = (masks[0] < 0.01) & (masks[1] < 0.01)
    beside[:8], beside[-8:] = False, False
    assert errors(found, back)[beside].mean() < 0.4  # as a shift: 2.5 * 2 / pi = 1.6


def test_a_layer_that_is_not_seen_stands_still():
    photos, *_ = layers_in_motion()
    nothing = np.zeros(SIZE, np.float32)
    assert not layer_motion(find_motion(*photos), photos, (nothing, nothing)).any()


def test_values_move_with_the_flow():
    ramp = np.tile(np.arange(SIZE[1], dtype=np.float32), (SIZE[0], 1))
    flow = np.zeros((*SIZE, 2), np.float32)
    flow[..., 0] = 2.5
    np.testing.assert_allclose(moved(ramp, flow)[:, :-3], ramp[:, :-3] + 2.5, atol=1e-4)


def test_the_first_frame_is_that_of_a_photo(refiner):
    mask, image = half(), texture()
    depth = cv2.GaussianBlur(given(mask), (0, 0), 3)
    one, other = (
        refiner.refine(image, depth, mask),
        Refiner(Believes(), SETTINGS).refine(image, depth, mask),
    )
    np.testing.assert_array_equal(one.depth, other.depth)
    np.testing.assert_array_equal(one.background, other.background)


def test_noise_in_the_band_falls_as_frames_agree(refiner):
    """Of eight frames with independent noise the last has less than a half of it."""
    mask, image, rng = half(), texture(), np.random.default_rng(1)
    near = np.abs(np.arange(SIZE[1]) - EDGE) < 3  # inside of the keep band
    errors = []
    for _ in range(8):
        noise = rng.normal(0, 0.004, SIZE).astype(np.float32)
        errors.append(refiner.refine(image, given(mask) + noise, mask).depth - given(mask))
    first, last = (np.abs(error[8:-8, near]).mean() for error in (errors[0], errors[-1]))
    assert last < 0.5 * first


def test_what_one_frame_gets_wrong_is_outvoted_and_what_lasts_is_believed(refiner):
    mask, image = half(), texture()
    wrong = given(mask)
    wrong[40:50, EDGE - 4 : EDGE] = 0.8  # the object spills into the background
    place = np.s_[42:48, EDGE - 3]
    for _ in range(4):
        refiner.refine(image, given(mask), mask)
    once = refiner.refine(image, wrong, mask).depth
    np.testing.assert_allclose(once[place], 0.2, atol=0.01)
    for _ in range(12):
        lasting = refiner.refine(image, wrong, mask).depth
    np.testing.assert_allclose(lasting[place], 0.8, atol=0.01)


def test_what_was_seen_before_it_was_hidden_is_the_background(refiner):
    """A bar in the background, which the object covers later, is still there behind it."""
    image = texture()
    back = np.full(SIZE, 0.2, np.float32)
    back[:, 60:70] = 0.5
    nothing = np.zeros(SIZE, np.float32)
    for _ in range(2):
        refiner.refine(image, back, nothing)
    mask = half()
    shown = mask[..., None] * texture(9) + (1 - mask[..., None]) * image
    result = refiner.refine(shown, mask * 0.9 + (1 - mask) * back, mask)
    np.testing.assert_allclose(result.background[20:-20, 62:68], 0.5, atol=0.02)
    np.testing.assert_allclose(result.background[20:-20, 50:56], 0.2, atol=0.02)
    np.testing.assert_allclose(result.foreground[20:-20, 62:68], 0.9, atol=0.02)


def test_a_background_moves_behind_the_object_with_what_is_seen_of_it(refiner):
    bar = np.full((SIZE[0], 300), 0.2, np.float32)
    bar[:, 150:160] = 0.5
    mask = np.zeros(SIZE, np.float32)
    mask[30:66, 76:112] = 1
    for step in range(8):  # to the right, 2 pixels a frame; the bar goes behind the object
        shift = 2 * step
        back = bar[:, 90 - shift : 90 - shift + SIZE[1]]
        image = texture(shift=(shift, 0))
        image = np.where(mask[..., None] > 0, texture(9), image)
        result = refiner.refine(image, np.where(mask > 0, np.float32(0.9), back), mask)
    hidden = result.background[40:56, 76:82]  # the bar's columns are 74 to 84 now
    assert np.median(hidden) == pytest.approx(0.5, abs=0.05)


def test_a_part_that_moves_within_the_object_leaves_nothing_behind(refiner):
    """A nearer disc moves over the object by 3 pixels a frame; given depth is right throughout."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    mask, ground = half(20), texture(3)
    for index in range(8):
        part = np.hypot(x - 50 - 3 * index, y - 48) < 16
        photo = np.where(part[..., None], texture(4, shift=(3 * index, 0)), ground)
        depth = given(mask, front=0.6 + 0.3 * part)
        refined = refiner.refine(photo, depth, mask).depth
    wrong = np.abs(refined - depth) > 0.05
    ring = (np.abs(np.hypot(x - 71, y - 48) - 16) < 4) & (mask > 0)
    assert wrong[ring].mean() < 0.1
    assert not wrong[~ring & (mask > 0)].any()  # nothing where it was earlier


def test_another_scene_begins_anew(refiner):
    mask = half()
    for _ in range(3):
        refiner.refine(texture(), given(mask), mask)
    assert refiner.cuts == 0
    image, depth = texture(5), cv2.GaussianBlur(given(mask, 0.6, 0.1), (0, 0), 2)
    after = refiner.refine(image, depth, mask)
    assert refiner.cuts == 1
    alone = Refiner(Believes(), SETTINGS).refine(image, depth, mask)
    np.testing.assert_array_equal(after.depth, alone.depth)
    np.testing.assert_array_equal(after.foreground, alone.foreground)


def test_start_forgets_and_another_scale_or_size_is_not_mixed_in(refiner):
    mask, image = half(), texture()
    refiner.refine(image, given(mask, 0.5), mask)
    refiner.start()
    alone = Refiner(Believes(), SETTINGS)
    np.testing.assert_array_equal(
        refiner.refine(image, given(mask), mask).depth, alone.refine(image, given(mask), mask).depth
    )
    small = np.s_[:64, :96]
    np.testing.assert_array_equal(
        refiner.refine(image[small], given(mask)[small], mask[small]).depth,
        alone.refine(image[small], given(mask)[small], mask[small]).depth,
    )
    own_scale = TemporalRefiner(Believes(), RefineSettings(device="cpu", precision="fp32"))
    own_scale.refine(image, given(mask, 0.5), mask)
    np.testing.assert_allclose(
        own_scale.refine(image, given(mask), mask).depth, given(mask), atol=1e-6
    )


def test_far_from_the_mask_the_given_depth_survives_bit_for_bit(refiner):
    mask, rng = half(), np.random.default_rng(2)
    for step in range(4):
        depth = given(mask) + rng.normal(0, 0.05, SIZE).astype(np.float32)
        result = refiner.refine(texture(shift=(step, 0)), depth, mask)
    np.testing.assert_array_equal(result.depth[:, :20], depth[:, :20])
    np.testing.assert_array_equal(result.depth[:, 70:], depth[:, 70:])


def test_a_network_says_how_far_it_trusts(weights):
    """Trust of the embedded kind of network lies in its own region only."""
    from maskdepth_cli import load_refiner

    temporal = load_refiner(temporal=True, device="cpu", precision="fp32", whole_range=(0.0, 1.0))
    mask, image = half(), texture()
    depth = cv2.GaussianBlur(given(mask), (0, 0), 3)
    plain = load_refiner(device="cpu", precision="fp32", whole_range=(0.0, 1.0))
    np.testing.assert_array_equal(
        temporal.refine(image, depth, mask).depth, plain.refine(image, depth, mask).depth
    )
    assert isinstance(temporal, TemporalRefiner)
    assert torch.is_grad_enabled()
