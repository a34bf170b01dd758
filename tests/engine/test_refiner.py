"""The refiner's contracts, as properties over random scenes."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskdepth_cli.engine.instances import instance_masks, merge_instances
from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.runtime import pick_precision
from maskdepth_cli.engine.scaling import working_size
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.errors import UsageError
from maskdepth_cli.networks.config import SIZES
from maskdepth_cli.networks.refinement import RefinementNetwork

FEW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


def network(form: str, noise: float = 0.0) -> RefinementNetwork:
    torch.manual_seed(0)
    result = RefinementNetwork(
        replace(SIZES["tiny"], form=form, depths=(1, 1, 1, 1), decoder_channels=16)
    )
    with torch.no_grad():
        for parameter in result.output.parameters():
            parameter.normal_(std=noise)
        if form == "completion":
            result.revision[-1].weight.normal_(std=0.02)
    return result


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    """A refiner whose network is not at its initialisation: trust, residual and change vary."""
    return Refiner(network("completion", noise=0.2), RefineSettings(working_size=96))


def scene(seed: int, height: int = 90, width: int = 120):
    """A near disc with blurred depth over a slanted plane, its exact mask, and a photo."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    centre = rng.uniform(0.35, 0.65, 2) * (height, width)
    disc = np.hypot(y - centre[0], x - centre[1]) < rng.uniform(12, 20)
    depth = np.where(disc, 6, 1 + y / height * 2).astype(np.float32)
    depth = cv2.GaussianBlur(depth, (0, 0), 2.5)
    image = rng.random((height, width, 3), dtype=np.float32)
    return image, depth, disc.astype(np.float32)


@FEW
@given(seed=st.integers(0, 999), scale=st.floats(0.01, 1000), offset=st.floats(-50, 50))
def test_the_callers_scale_and_offset_are_kept(refiner, seed, scale, offset):
    image, depth, mask = scene(seed)
    refined = refiner.refine(image, depth, mask)
    mapped = refiner.refine(image, (scale * depth + offset).astype(np.float32), mask)
    # float32 holds a*d+b to about 1e-7 of its magnitude, which normalising divides by its range.
    tolerance = 2e-3 * scale * np.ptp(depth) + 1e-4 * abs(offset)
    for name in ("depth", "foreground", "background"):
        np.testing.assert_allclose(
            getattr(mapped, name), scale * getattr(refined, name) + offset, atol=tolerance
        )


@pytest.mark.parametrize("value", [0, 1])
def test_an_empty_or_a_full_mask_returns_the_input(refiner, value):
    image, depth, mask = scene(0)
    refined = refiner.refine(image, depth, np.full_like(mask, value))
    for name in ("depth", "foreground", "background"):
        np.testing.assert_array_equal(getattr(refined, name), depth)
    assert not refined.changed.any()


def test_a_constant_depth_is_returned(refiner):
    image, depth, mask = scene(0)
    np.testing.assert_array_equal(refiner.refine(image, depth * 0 + 3, mask).depth, 3)


@FEW
@given(seed=st.integers(0, 999))
def test_outside_the_declared_band_nothing_changes(refiner, seed):
    image, depth, mask = scene(seed)
    refined = refiner.refine(image, depth, mask)
    assert 0 < refined.changed.mean() < 1
    difference = np.abs(refined.depth - depth)
    assert difference[~refined.changed].max() <= 1e-6 * np.ptp(depth)
    assert difference[refined.changed].max() > 0.01 * np.ptp(depth)
    # In its own region a layer keeps the caller's values too.
    own = ~refined.changed & (mask == 1)
    np.testing.assert_array_equal(refined.foreground[own], depth[own])


def test_the_band_reaches_as_far_as_declared_when_corrections_are_small():
    """With a network that corrects by half a percent, the band is the boundary's dilation."""

    class Shift(torch.nn.Module):
        def forward(self, depth, mask, rgb):
            return depth + 0.05

    image, depth, mask = scene(3)
    reach = 0.1 * 120
    refined = Refiner(Shift(), RefineSettings(keep_dilation=0.1)).refine(image, depth, mask)
    edge = cv2.dilate(mask, np.ones((3, 3))) != cv2.erode(mask, np.ones((3, 3)))
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5)
    assert refined.changed[distance < reach - 1].all()
    assert not refined.changed[distance > reach + 5].any()


def test_keep_none_is_the_networks_plain_output():
    image, depth, mask = scene(5, 64, 96)
    net = network("completion", noise=0.2).eval()
    refined = Refiner(net, RefineSettings(keep="none")).refine(image, depth, mask)
    low, unit = depth.min(), np.ptp(depth) / 10
    d = torch.from_numpy((depth - low) / unit)[None, None]
    m, rgb = torch.from_numpy(mask)[None, None], torch.from_numpy(image.transpose(2, 0, 1))[None]
    with torch.no_grad():
        front, back = net(d, m, rgb).clamp(0, 10), net(d, 1 - m, rgb).clamp(0, 10)
    expected = (m * front + (1 - m) * back)[0, 0].numpy() * unit + low
    np.testing.assert_allclose(refined.depth, expected, atol=1e-3)
    np.testing.assert_allclose(refined.foreground, front[0, 0].numpy() * unit + low, atol=1e-3)


@pytest.mark.parametrize("keep", ["band", "none"])
@FEW
@given(seed=st.integers(0, 999), value=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_unknown_pixels_stay_and_do_not_spread(keep, refiner, seed, value):
    image, depth, mask = scene(seed)
    refiner = Refiner(refiner.network, replace(refiner.settings, keep=keep))
    rng = np.random.default_rng(seed)
    depth[rng.random(depth.shape) < 0.02] = value
    unknown = ~np.isfinite(depth)
    refined = refiner.refine(image, depth, mask)
    for name in ("depth", "foreground", "background"):
        array = getattr(refined, name)
        np.testing.assert_array_equal(array[unknown], depth[unknown])
        assert np.isfinite(array[~unknown]).all()


def test_depth_without_a_known_pixel_is_returned(refiner):
    image, depth, mask = scene(0)
    refined = refiner.refine(image, np.full_like(depth, np.nan), mask)
    assert np.isnan(refined.depth).all()


@FEW
@given(seed=st.integers(0, 999), soft=st.booleans())
def test_swapping_the_mask_swaps_the_layers(refiner, seed, soft):
    image, depth, mask = scene(seed)
    if soft:
        mask = cv2.GaussianBlur(mask, (0, 0), 2)
    refined, swapped = refiner.refine(image, depth, mask), refiner.refine(image, depth, 1 - mask)
    tolerance = 2e-4 * np.ptp(depth)
    np.testing.assert_allclose(swapped.foreground, refined.background, atol=tolerance)
    np.testing.assert_allclose(swapped.background, refined.foreground, atol=tolerance)
    np.testing.assert_allclose(swapped.depth, refined.depth, atol=tolerance)


def test_the_composite_is_the_layers_under_the_mask(refiner):
    image, depth, mask = scene(7)
    exact = Refiner(refiner.network, replace(refiner.settings, mask_edges="exact"))
    refined = exact.refine(image, depth, mask)
    expected = np.where(mask == 1, refined.foreground, refined.background)
    np.testing.assert_allclose(refined.depth, expected, atol=1e-5)


def test_the_edge_of_the_result_is_the_masks_at_full_resolution():
    """At four times the working size, a 1-pixel step stands exactly where the mask's does."""
    image, depth, mask = scene(2, 360, 480)
    refined = Refiner(network("completion"), RefineSettings(working_size=128)).refine(
        image, cv2.GaussianBlur(depth, (0, 0), 4), mask
    )
    inner = cv2.erode(mask, np.ones((3, 3))) != mask  # first pixels inside
    outer = cv2.dilate(mask, np.ones((3, 3))) != mask  # first pixels outside
    assert refined.depth[inner].min() > refined.depth[outer].max() + 1


def test_detail_of_the_input_survives_the_working_size():
    """Fine texture, which 1/4 of the size cannot hold, is still there beside the boundary."""
    image, depth, mask = scene(4, 360, 480)
    texture = 0.02 * ((np.indices(depth.shape).sum(0) % 2) * 2 - 1).astype(np.float32)
    refined = Refiner(network("completion"), RefineSettings(working_size=128)).refine(
        image, depth + texture, mask
    )
    quiet = ~refined.changed
    np.testing.assert_array_equal(refined.depth[quiet], (depth + texture)[quiet])
    distance = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
    near = (mask == 0) & refined.changed & (distance > 9)
    kept = np.abs(refined.depth - cv2.GaussianBlur(refined.depth, (0, 0), 2))[near].mean()
    assert kept > 0.5 * 0.02


def test_batching_does_not_change_results():
    image, depth, mask = scene(1)
    masks = [mask, np.roll(mask, 9, 1), np.zeros_like(mask), np.roll(mask, -9, 0), 1 - mask]
    net = network("completion", noise=0.2)
    one = Refiner(net, RefineSettings(batch_size=1, precision="fp32")).refine_instances(
        image, depth, masks
    )
    all_ = Refiner(net, RefineSettings(batch_size=5, precision="fp32")).refine_instances(
        image, depth, masks
    )
    np.testing.assert_allclose(one.depth, all_.depth, atol=1e-4)


def largest_change(depth, results):
    changes = np.stack([np.abs(r.depth - depth) for r in results])
    return np.choose(changes.argmax(0), [r.depth for r in results])


def farthest_explained(depth, results):
    """Pixel by pixel: of the changes to mixtures of the layers the farthest, if any goes away."""
    merged = depth.copy()
    for place in np.ndindex(depth.shape):
        given = depth[place]
        changes = [0.0]
        for r in results:
            to_back, from_front = r.background[place] - given, given - r.foreground[place]
            if to_back * from_front >= -0.25 * to_back**2:
                changes.append(r.depth[place] - given)
        merged[place] += min(changes) if min(changes) < 0 else max(changes)
    return merged


@pytest.mark.parametrize("merge", ["own", "largest"])
def test_instances_are_merged_by_their_rule(refiner, merge):
    image, depth, _ = scene(1)
    instances = np.zeros(depth.shape, np.int32)
    instances[20:60, 20:50], instances[20:60, 50:90], instances[0:2, 0:3] = 7, 300, 9
    one = Refiner(refiner.network, replace(refiner.settings, merge=merge, mask_edges="exact"))
    merged = one.refine_instances(image, depth, instances)
    each = [one.refine(image, depth, (instances == i).astype(np.float32)) for i in (7, 300)]
    expected = largest_change(depth, each)
    if merge == "own":
        expected = farthest_explained(depth, each)
        for identity, result in zip((7, 300), each, strict=True):
            expected = np.where(instances == identity, result.depth, expected)
    np.testing.assert_allclose(merged.depth, expected, atol=1e-4)


def test_instances_of_one_percent_or_less_are_left_out():
    instances = np.zeros((10, 100), np.int32)
    instances[0, :10], instances[1, :11] = 1, 2  # 1% and 1.1%
    masks = list(instance_masks(instances))
    assert [mask.sum() for mask in masks] == [11]


def flat(values, mask=(1, 1, 1)):
    array, mask = np.array([values], np.float32), np.array([mask], np.float32)
    return RefinedDepth(array, array, array, mask, array != 0)


@pytest.mark.parametrize("rule", ["own", "largest"])
def test_merging_keeps_the_earlier_of_equal_changes_and_ignores_nan(rule):
    depth = np.array([[0, 0, np.nan]], np.float32)
    merged = merge_instances(depth, [flat([1, 1, np.nan]), flat([-1, -2, np.nan])], rule)
    np.testing.assert_array_equal(merged.depth, [[1, -2, np.nan]])
    np.testing.assert_array_equal(merged.foreground[0, :2], [1, -2])


def test_a_pixel_follows_its_own_mask_even_against_a_larger_change():
    depth = np.zeros((1, 3), np.float32)
    results = [flat([9, 9, 9], (0, 0, 1)), flat([1, 1, 1], (0, 1, 0)), flat([5, 5, 5], (0, 1, 0))]
    for order in (results, results[::-1]):  # the first pixel's layers do not explain its change
        np.testing.assert_array_equal(merge_instances(depth, order, "own").depth, [[0, 5, 9]])
    np.testing.assert_array_equal(merge_instances(depth, results, "largest").depth, [[9, 9, 9]])


@pytest.mark.parametrize("unit", [1, 1e-9, 1e9])
def test_beside_the_masks_the_change_that_goes_farthest_away_wins(unit):
    depth, mask = np.full((1, 5), 5 * unit, np.float32), np.zeros((1, 5), np.float32)

    def aside(foreground, background):
        front, back = (np.array([v], np.float32) * unit for v in (foreground, background))
        return RefinedDepth(back, front, back, mask, back != depth)

    # 5 lies between the layers, but in the second result's third pixel: both layers are nearer.
    results = [aside([9, 9, 4, 4, 9], [4, 4, 6, 6, 4.5]), aside([4, 9, 7, 4, 9], [7, 3, 9, 7, 4])]
    expected = np.array([[4, 3, 6, 7, 4]], np.float32) * np.float32(unit)
    for order in (results, results[::-1]):
        np.testing.assert_array_equal(merge_instances(depth, order, "own").depth, expected)


def test_no_instance_returns_the_input(refiner):
    image, depth, _ = scene(1)
    merged = refiner.refine_instances(image, depth, np.zeros(depth.shape, np.int32))
    np.testing.assert_array_equal(merged.depth, depth)


def test_one_pass_networks_give_the_composite():
    net = RefinementNetwork(replace(SIZES["tiny"], layered=False, depths=(1, 1, 1, 1)))
    image, depth, mask = scene(0)
    refined = Refiner(net, RefineSettings(keep="none")).refine(image, depth, mask)
    np.testing.assert_array_equal(refined.depth, refined.foreground)


@pytest.mark.parametrize(
    ("shape", "longest", "expected"),
    [
        ((480, 640), 640, (480, 640)),
        ((1080, 1920), 640, (352, 640)),  # 360 is 11.25 x 32
        ((4000, 3000), 640, (640, 480)),
        ((10, 5000), 640, (32, 640)),
        ((300, 900), 500, (160, 480)),  # not 512, the nearest multiple
    ],
)
def test_working_sizes(shape, longest, expected):
    assert working_size(shape, longest) == expected


def test_shapes_that_differ_are_named(refiner):
    image, depth, mask = scene(0)
    with pytest.raises(ValueError, match="differ in size"):
        refiner.refine(image, depth[:-1], mask)
    with pytest.raises(ValueError, match="differ in size"):
        refiner.refine(image, depth, mask[:-1])


def test_devices_and_precisions_that_are_not_there_are_refused():
    with pytest.raises(UsageError, match="unknown device"):
        Refiner(torch.nn.Identity(), RefineSettings(device="abacus"))
    with pytest.raises(UsageError, match="fp16 does not run on the CPU"):
        Refiner(torch.nn.Identity(), RefineSettings(device="cpu", precision="fp16"))


@pytest.mark.parametrize("found", [{"avx512_bf16": True}, {"amx_bf16": True}, {"avx2": True}])
def test_auto_takes_bfloat16_on_cpus_that_have_it_and_only_for_refinement(monkeypatch, found):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    cpu = torch.device("cpu")
    expected = None if "avx2" in found else torch.bfloat16
    assert pick_precision("auto", cpu, rounds=True) is expected
    assert pick_precision("auto", cpu, rounds=False) is None
    assert pick_precision("fp32", cpu, rounds=True) is None
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert pick_precision("auto", cpu, rounds=True) is None


def test_bfloat16_changes_a_refinement_by_less_than_half_a_percent_of_the_range():
    image, depth, mask = scene(6)
    net = network("completion", noise=0.2)
    exact, rounded = (
        Refiner(net, RefineSettings(device="cpu", precision=name)).refine(image, depth, mask).depth
        for name in ("fp32", "bf16")
    )
    difference = np.abs(rounded - exact) / np.ptp(depth)
    assert 0 < np.percentile(difference, 99.9) < 0.005


@pytest.mark.parametrize("width", [1, 20, 32])
def test_narrow_photos_are_refined_in_full_precision(width):
    """Where the coarsest level is one pixel wide oneDNN's bfloat16 reads what is not its own."""
    image, depth, _ = scene(3, 320, 240)
    middle = slice(120 - width // 2, 120 - width // 2 + width)
    image, depth = image[:, middle], depth[:, middle]
    mask = np.zeros_like(depth)
    mask[100:180] = 1

    def result(precision):
        settings = RefineSettings(precision=precision, device="cpu")
        return Refiner(network("completion", noise=0.2), settings).refine(image, depth, mask)

    half, full = result("bf16"), result("fp32")
    for name in ("depth", "foreground", "background"):
        np.testing.assert_allclose(getattr(half, name), getattr(full, name), atol=1e-5)


def test_photos_refined_together_are_those_refined_alone():
    """Of two sizes, one with nothing to do and one of constant depth among them."""
    photos = [scene(1), scene(2), scene(3, 60, 150), scene(4)]
    photos[1] = (photos[1][0], photos[1][1], np.zeros_like(photos[1][2]))
    photos.append((photos[0][0], np.full_like(photos[0][1], 3), photos[0][2]))
    settings = RefineSettings(precision="fp32", device="cpu", working_size=96)
    refiner = Refiner(network("completion", noise=0.2), settings)
    for together, photo in zip(refiner.refine_many(photos), photos, strict=True):
        alone = refiner.refine(*photo)
        for name in ("depth", "foreground", "background", "mask"):
            np.testing.assert_allclose(getattr(together, name), getattr(alone, name), atol=1e-4)
        np.testing.assert_array_equal(together.changed, alone.changed)


def test_compiling_for_the_cpu_without_a_compiler_is_refused_in_a_line(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UsageError, match=r"--compile needs a C\+\+ compiler"):
        Refiner(network("plain"), RefineSettings(compiled=True, device="cpu"))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(("size", "line"), [((20, 3000), 2875), ((3000, 20), 7), ((200, 300), 1)])
def test_thin_masks_of_long_photos_are_refined(refiner, size, line, several):
    rng = np.random.default_rng(0)
    image, mask = rng.random((*size, 3), dtype=np.float32), np.zeros(size, np.float32)
    mask[:, line] = 1
    depth = (cv2.blur(mask, (9, 9)) * 4 + np.indices(size).sum(0) / 1000).astype(np.float32)
    only = Refiner(refiner.network, replace(refiner.settings, layers=False))
    tiny = np.full(size, 1e-45, np.float32)  # too little to average
    for guide in (mask, tiny):
        one = only.refine_instances(image, depth, [guide, guide]) if several else None
        refined = one or only.refine(image, depth, guide)
        assert np.isfinite(refined.depth).all()
        assert refined.changed.any() == (guide is mask)


def test_depth_near_the_largest_float_keeps_its_scale(refiner):
    image, depth, mask = scene(5, 300, 400)
    small = refiner.refine(image, depth, mask).depth
    large = refiner.refine(image, depth * np.float32(4e37), mask).depth
    np.testing.assert_allclose(large / np.float32(4e37), small, atol=1e-3)


class Nearer(torch.nn.Module):
    """Brings everything a little nearer, by less than what replaces the given detail."""

    def forward(self, depth, mask, rgb):
        return depth + 0.15


@pytest.mark.parametrize("whole_range", [None, (0.0, 4.0)])
def test_detail_does_not_lead_out_of_the_range(whole_range):
    """Noise on a slope: no refined value lies nearer than the range, or than it was given."""
    image, _, mask = scene(5, 360, 480)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (360, 480)).astype(np.float32)
    depth = np.linspace(0.5, 4.5, 360, dtype=np.float32)[:, None] + noise
    settings = RefineSettings(working_size=128, whole_range=whole_range, precision="fp32")
    refined = Refiner(Nearer(), settings).refine(image, depth, mask)
    assert (refined.depth > depth + 0.02).any()
    highest = np.maximum(depth, depth.max() if whole_range is None else 4)
    for layer in (refined.depth, refined.foreground, refined.background):
        assert (layer <= highest + 1e-4).all()


class Levels(torch.nn.Module):
    """A constant for the layer that holds the centre of the image, and another for the other."""

    def __init__(self, front, back):
        super().__init__()
        self.levels = front, back

    def forward(self, depth, mask, rgb):
        centre = mask[..., mask.shape[-2] // 2, mask.shape[-1] // 2] > 0.5
        front, back = self.levels
        return torch.where(centre[..., None, None], front, back).expand(depth.shape).float()


@pytest.mark.parametrize(
    ("keep", "back", "expected"),
    [("band", 6.0, 3.0), ("band", 1.0, 1.0), ("none", 6.0, 6.0)],
)
@pytest.mark.parametrize("inverted", [False, True])
def test_what_lies_behind_moves_only_away_from_what_is_before_it(keep, back, expected, inverted):
    """Depth of 3 beside a thing of 8, in [0, 10]; the mask shows the thing, or what is around."""
    thing = np.zeros((96, 128), np.float32)
    thing[32:64, 32:96] = 1
    depth = np.where(thing > 0, 8, 3).astype(np.float32)
    depth[0], depth[-1] = 0, 10
    image, front = np.zeros((96, 128, 3), np.float32), 8.0
    settings = RefineSettings(keep=keep, device="cpu", precision="fp32", mask_edges="exact")
    mask = 1 - thing if inverted else thing
    refined = Refiner(Levels(front, back), settings).refine(image, depth, mask)
    behind = refined.foreground if inverted else refined.background
    np.testing.assert_allclose(refined.depth[30, 40:90], expected, atol=1e-4)
    np.testing.assert_allclose(behind[30, 40:90], expected, atol=1e-4)
    np.testing.assert_allclose(refined.depth[34:62, 34:94], front, atol=1e-4)
    # What the thing hides is completed by the network either way.
    np.testing.assert_allclose(behind[40:60, 40:90], back, atol=1e-4)


def test_what_is_before_may_move_either_way():
    """Depth of 8 that a layer of 6 before one of 3 corrects."""
    thing = np.zeros((96, 128), np.float32)
    thing[32:64, 32:96] = 1
    depth = np.where(thing > 0, 8, 3).astype(np.float32)
    depth[0], depth[-1] = 0, 10
    settings = RefineSettings(device="cpu", precision="fp32", mask_edges="exact")
    for front in (6.0, 9.0):
        refined = Refiner(Levels(front, 3.0), settings).refine(
            np.zeros((96, 128, 3), np.float32), depth, thing
        )
        np.testing.assert_allclose(refined.depth[34:62, 34:94], front, atol=1e-4)
