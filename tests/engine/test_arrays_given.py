"""What callers give: the same result from every form of it, or one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from maskdepth_cli.engine.inputs import as_depth, as_mask, as_photo
from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.errors import ArrayError, MaskdepthError, UsageError
from maskdepth_cli.methods.baselines import GuidedFilter

HEIGHT, WIDTH = 24, 40
CODES = np.zeros((HEIGHT, WIDTH), np.uint8)
CODES[6:18, 10:30] = 255
CODES[6:18, 30] = 51  # a fifth
MASK = (CODES / 255).astype(np.float32)
HARD = CODES == 255
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
DEPTH = (1 + MASK + RNG.random((HEIGHT, WIDTH)) / 9).astype(np.float32)


class Nearer(torch.nn.Module):
    def forward(self, depth, mask, rgb):
        return depth + mask + rgb.mean(1, keepdim=True)


def refiner(**changes):
    return Refiner(Nearer(), RefineSettings(device="cpu", precision="fp32", **changes))


SOFT = {
    "float64": CODES / 255,
    "uint8": CODES,
    "uint16": CODES.astype(np.uint16) * 257,
    "one more axis": MASK[None],
    "one more axis behind": MASK[..., None],
    "PIL": Image.fromarray(CODES),
    "alpha of PIL": Image.fromarray(np.dstack([PHOTO, CODES])),
    "tensor": torch.from_numpy(MASK),
    "tensor (1, H, W)": torch.from_numpy(MASK)[None],
    "tensor (B, H, W, C)": torch.from_numpy(np.dstack([MASK] * 3))[None],
    "tensor that learns": torch.from_numpy(MASK).requires_grad_(),
    "list": MASK.tolist(),
}
SHARP = {
    "bool": HARD,
    "uint8 of 0 and 1": HARD.astype(np.uint8),
    "int64 of 0 and 1": HARD.astype(np.int64),
    "PIL of 1 bit": Image.fromarray(HARD),
    "bool tensor": torch.from_numpy(HARD),
}


@pytest.mark.parametrize("name", [*SOFT, *SHARP])
def test_a_mask_means_the_same_in_every_form(name):
    given = SOFT.get(name, SHARP.get(name))
    expected = MASK if name in SOFT else HARD.astype(np.float32)
    np.testing.assert_allclose(as_mask(given), expected, atol=1e-7)
    assert as_mask(given).dtype == np.float32
    refined = refiner().refine(PHOTO, DEPTH, given)
    plain = refiner().refine(PHOTO, DEPTH, expected)
    np.testing.assert_allclose(refined.depth, plain.depth, atol=1e-6)


@pytest.mark.parametrize(
    "given",
    [
        PHOTO / 255,
        Image.fromarray(PHOTO),
        torch.from_numpy(PHOTO),
        torch.from_numpy(PHOTO / 255).permute(2, 0, 1),
        torch.from_numpy(PHOTO / 255)[None],
        (PHOTO / 255)[None],
    ],
)
def test_a_photo_means_the_same_in_every_form(given):
    photo = as_photo(given)
    scaled = photo if photo.dtype.kind == "f" else photo / 255
    np.testing.assert_allclose(scaled, PHOTO / 255, atol=1e-6)


def test_a_depth_means_the_same_in_every_form():
    tensor = torch.from_numpy(DEPTH)
    for given in (DEPTH.astype(np.float64), DEPTH[None], tensor, tensor[None, None]):
        np.testing.assert_array_equal(as_depth(given), DEPTH)
    np.testing.assert_array_equal(as_depth(np.dstack([DEPTH] * 3)[None]), DEPTH)
    half = as_depth(tensor.bfloat16())
    np.testing.assert_allclose(half, DEPTH, rtol=0.01)


def nan():
    mask = MASK.copy()
    mask[0, 0] = np.nan
    return mask


WRONG_MASKS = {
    "255 as floats": (CODES.astype(np.float32), "from 0 to 255 lie outside"),
    "int64 of 255": (CODES.astype(np.int64), "int64 values from 0 to 255"),
    "negative": (-MASK, "lie outside"),
    "NaN": (nan(), "holds NaN"),
    "infinite": (np.where(HARD, np.inf, 0), "lie outside"),
    "two": (np.stack([MASK, MASK]), r"not \(H, W\)"),
    "colours": (PHOTO, "colours"),
    "PIL without alpha": (Image.fromarray(PHOTO), "RGB picture without alpha"),
    "text": (np.full((HEIGHT, WIDTH), "x"), "give bool"),
    "nothing": (None, "no array"),
    "smaller": (MASK[1:], "differ in size"),
    "row": (MASK[0], r"not \(H, W\)"),
}


@pytest.mark.parametrize("name", WRONG_MASKS)
@pytest.mark.parametrize("method", [refiner(), GuidedFilter()], ids=["refiner", "baseline"])
def test_a_mask_that_is_none_is_refused_with_what_it_is(name, method):
    mask, words = WRONG_MASKS[name]
    for call in (
        lambda: method.refine(PHOTO, DEPTH, mask),
        lambda: method.refine_instances(PHOTO, DEPTH, [HARD, mask]),
    ):
        with pytest.raises(MaskdepthError, match=words) as raised:
            call()
        assert isinstance(raised.value, ValueError)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("photo", "depth", "words"),
    [
        (PHOTO.astype(np.float32), DEPTH, "from 0 to 255 lie outside"),
        (PHOTO.astype(np.int64), DEPTH, "int64 samples"),
        (np.where(PHOTO > 9, np.nan, 0.5), DEPTH, "holds NaN"),
        (PHOTO[..., 0], DEPTH, r"not \(H, W, 3\)"),
        (np.stack([PHOTO, PHOTO]), DEPTH, "batch of 2"),
        (PHOTO[:, 1:], DEPTH, "differ in size"),
        (PHOTO, PHOTO, "colours"),
        (PHOTO, DEPTH > 1, "bool values"),
        (PHOTO, np.stack([DEPTH, DEPTH]), r"not \(H, W\)"),
        (PHOTO[:0], DEPTH[:0], "no pixel"),
    ],
)
def test_photos_and_depths_that_are_none_are_refused(photo, depth, words):
    with pytest.raises(ArrayError, match=words):
        refiner().refine(photo, depth, HARD)


def test_instances_are_ids_or_masks():
    ids = np.where(HARD, 7, 0)
    chosen = refiner(merge="largest")
    expected = chosen.refine(PHOTO, DEPTH, HARD).depth
    for given in (
        ids,
        ids.astype(np.uint8),
        ids.astype(np.float64),
        torch.from_numpy(ids),
        [HARD],
        HARD[None],
        torch.from_numpy(MASK >= 1)[None],
        [Image.fromarray(HARD)],
        iter([HARD]),
    ):
        found = chosen.refine_instances(PHOTO, DEPTH, given).depth
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ArrayError, match="a mask goes into a list"):
        chosen.refine_instances(PHOTO, DEPTH, MASK)
    with pytest.raises(ArrayError, match="give ids"):
        chosen.refine_instances(PHOTO, DEPTH, MASK[0])


def test_the_share_that_is_asked_for_holds_for_maps_and_masks():
    small = np.zeros_like(HARD)
    small[0, :8] = True  # 8 of 960 pixels: 0.83%
    ids, share = small.astype(np.int32), 8 / small.size

    def changes(given, **settings):
        one = refiner(**settings)
        if given is small:
            return bool(one.refine(PHOTO, DEPTH, given).changed.any())
        return bool(one.refine_instances(PHOTO, DEPTH, given).changed.any())

    for given, default in ((ids, False), ([small], True), (small, True)):
        assert changes(given) is default
        assert changes(given, min_instance_share=share / 2) is True
        assert changes(given, min_instance_share=share) is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keep": "nonsense"}, "band or none"),
        ({"merge": None}, "own or largest"),
        ({"working_size": 0}, "at least 32"),
        ({"working_size": -512}, "at least 32"),
        ({"working_size": 512.5}, "whole number"),
        ({"batch_size": 0}, "at least 1"),
        ({"min_instance_share": 2}, "at most 1"),
        ({"min_instance_share": float("nan")}, "number"),
        ({"windows": "yes"}, "True or False"),
        ({"keep_dilation": -1}, "share"),
        ({"keep_threshold": 0}, "share"),
    ],
)
def test_settings_beyond_their_limits_are_refused(change, words):
    with pytest.raises(UsageError, match=words) as raised:
        RefineSettings(**change)
    assert next(iter(change)) in str(raised.value)
