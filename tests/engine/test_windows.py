"""Small instances are refined within windows: where these lie, and that nothing shows of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from maskdepth_cli.engine.beyond import Part, settle
from maskdepth_cli.engine.instances import RunningMerge, merge_instances
from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.engine.windows import window_around


def blob(shape, rows, columns):
    mask = np.zeros(shape, np.float32)
    mask[rows, columns] = 1
    return mask


@pytest.mark.parametrize(
    ("rows", "columns", "small", "full"),
    [
        # 32 pixels of context, out to multiples of 32; 3 pixels of the photo to one.
        (slice(200, 210), slice(300, 350), (160, 256, 256, 384), (480, 768, 768, 1152)),
        (slice(0, 5), slice(620, 640), (0, 64, 576, 640), (0, 192, 1728, 1920)),
        (slice(64, 65), slice(64, 65), (32, 128, 32, 128), (96, 384, 96, 384)),
    ],
)
def test_a_window_has_context_and_keeps_the_networks_grid(rows, columns, small, full):
    window = window_around(blob((352, 640), rows, columns), (1056, 1920))
    assert tuple(side for part in window.small for side in (part.start, part.stop)) == small
    assert tuple(side for part in window.full for side in (part.start, part.stop)) == full
    assert not window.whole


def test_a_mask_that_needs_most_of_the_image_gets_all_of_it():
    assert window_around(blob((352, 640), slice(40, 300), slice(60, 500)), (1056, 1920)).whole


def test_a_window_at_the_images_end_reaches_it_where_the_size_is_no_multiple():
    window = window_around(blob((300, 500), slice(290, 295), slice(10, 20)), (300, 500))
    assert (window.small[0].start, window.small[0].stop) == (256, 300)
    assert window.full == window.small


class Step(torch.nn.Module):
    """Moves depth by 2 of 10 everywhere, and notes the size of what it is shown."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, depth, mask, rgb):
        assert depth.shape == mask.shape == (*rgb.shape[:1], 1, *rgb.shape[2:])
        self.sizes += [tuple(depth.shape[2:])] * len(depth)
        return (depth + 2).clamp(max=10)


def refined(windows, instances, depth, working_size=640, *, layers=True):
    net = Step()
    settings = RefineSettings(
        windows=windows,
        layers=layers,
        min_instance_share=0,
        merge="largest",
        working_size=working_size,
        device="cpu",
    )
    image = np.zeros((*depth.shape, 3), np.float32)
    return Refiner(net, settings).refine_instances(image, depth, instances), net.sizes


def slope(height, width):
    return np.tile(np.linspace(0, 7, width, dtype=np.float32), (height, 1))


def test_only_the_surroundings_of_small_instances_go_through_the_network():
    depth = slope(320, 512)
    instances = np.zeros(depth.shape, np.int32)
    instances[40:60, 40:60], instances[250:300, 400:420] = 3, 9
    own = [(96, 96), (96, 96), (128, 128), (128, 128)]  # both passes of each
    _, sizes = refined(True, instances, depth, layers=False)
    assert sizes == own
    _, sizes = refined(True, instances, depth)
    assert sizes == [*own, (320, 512)]  # one pass more for the foreground beyond
    _, sizes = refined(False, instances, depth, layers=False)
    assert sizes == [(320, 512)] * 4


def test_beyond_its_window_nothing_changes_and_the_correction_fades_towards_its_edge():
    """A correction that is large everywhere would extend the band over the whole image."""
    depth = slope(320, 512)
    instances = np.zeros(depth.shape, np.int32)
    instances[150:170, 250:270] = 1
    whole, _ = refined(False, instances, depth)
    windowed, _ = refined(True, instances, depth)
    rows, columns = slice(96, 224), slice(192, 320)
    beyond = np.ones(depth.shape, bool)
    beyond[rows, columns] = False
    assert whole.changed[beyond].mean() > 0.5
    for name in ("depth", "background"):
        np.testing.assert_array_equal(getattr(windowed, name)[beyond], depth[beyond])
    # The foreground is completed there, too.
    np.testing.assert_allclose(
        windowed.foreground[beyond], (depth + 1.4).clip(max=7)[beyond], atol=1e-4
    )
    change = windowed.depth - depth
    assert change[rows, columns][8:-8, 8:-8].min() > 1.39  # 2 of 10, of a range of 7
    assert np.abs(np.diff(change, axis=0)).max() < 0.4  # no step: 1.4 over 4 pixels


def test_a_window_of_a_large_photo_gives_what_the_whole_photo_gives():
    """Corrections of the window are enlarged to the very pixels that they have in the photo."""

    class Local(torch.nn.Module):
        def forward(self, depth, mask, rgb):
            return depth + 0.1 * torch.sin(7 * rgb[:, :1]) + 0.05 * mask

    rng = np.random.default_rng(0)
    depth = slope(701, 1103)
    image = cv2.GaussianBlur(rng.random((701, 1103, 3), np.float32), (0, 0), 5)
    instances = np.zeros(depth.shape, np.int32)
    instances[300:380, 500:600], instances[20:60, 1050:1103] = 1, 2

    def both(windows):
        settings = RefineSettings(
            windows=windows, working_size=512, min_instance_share=0, device="cpu"
        )
        return Refiner(Local(), settings).refine_instances(image, depth, instances)

    np.testing.assert_allclose(both(True).depth, both(False).depth, atol=1e-5)


def test_merging_by_parts_is_merging_at_once():
    rng = np.random.default_rng(1)
    depth = rng.random((9, 7), np.float32)

    def result():
        maps = rng.random((3, 9, 7), np.float32)
        return RefinedDepth(*maps, rng.random((9, 7), np.float32), rng.random((9, 7)) < 0.5)

    results = [result() for _ in range(3)]
    merge = RunningMerge(depth, "own")
    for one in results:
        for rows in (slice(0, 4), slice(4, 9)):
            arrays = (one.depth, one.foreground, one.background, one.mask, one.changed)
            part = RefinedDepth(*(array[rows] for array in arrays))
            merge.add(Part((rows, slice(None)), part))
    whole = merge_instances(depth, results, "own")
    settle(merge.result)
    for name in ("depth", "foreground", "background", "mask", "changed"):
        np.testing.assert_array_equal(getattr(merge.result, name), getattr(whole, name))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_photo_as_it_is_stored_gives_what_its_floats_give(kind):
    class Shown(torch.nn.Module):
        def forward(self, depth, mask, rgb):
            return depth + rgb.mean(1, keepdim=True)

    rng = np.random.default_rng(2)
    stored = rng.integers(0, np.iinfo(kind).max, (90, 130, 3), endpoint=True).astype(kind)
    floats = (stored / np.iinfo(kind).max).astype(np.float32)
    depth, mask = slope(90, 130), blob((90, 130), slice(20, 60), slice(30, 80))
    refiner = Refiner(Shown(), RefineSettings(working_size=64, device="cpu", precision="fp32"))
    np.testing.assert_allclose(
        refiner.refine(stored, depth, mask).depth,
        refiner.refine(floats, depth, mask).depth,
        atol=1e-5 + 0.5 / np.iinfo(kind).max,  # halved to whole numbers once
    )


@pytest.mark.parametrize("several", [False, True])
def test_without_layers_the_depth_is_that_with_layers(several):
    """The parts that are left out are those in which nothing changes."""
    instances = np.zeros((300, 470), np.int32)
    instances[40:120, 60:200] = 1
    instances[200:215, 20:460] = 2  # a thin one, over several cells
    instances[90:240, 300:380] = 3
    instances[100:230, 382:440] = 4
    depth = slope(*instances.shape) + (instances > 0)
    depth[10:20, 5:300] = np.nan
    image = np.zeros((*depth.shape, 3), np.float32)

    class Pulled(torch.nn.Module):
        def forward(self, depth, mask, rgb):
            noise = torch.randn(depth.shape, generator=torch.Generator().manual_seed(0))
            return depth + 1.5 * mask - 0.7 + noise  # the layers' order changes everywhere

    def result(layers):
        settings = RefineSettings(
            layers=layers, windows=several, working_size=160, min_instance_share=0, device="cpu"
        )
        refiner = Refiner(Pulled(), settings)
        if several:
            return refiner.refine_instances(image, depth, instances)
        return refiner.refine(image, depth, (instances == 3).astype(np.float32))

    whole, only = result(True), result(False)
    assert only.changed.any()
    assert not only.changed.all()
    for name in ("depth", "mask", "changed"):
        np.testing.assert_array_equal(getattr(only, name), getattr(whole, name))
    np.testing.assert_array_equal(only.foreground, depth)
    np.testing.assert_array_equal(only.background, depth)
