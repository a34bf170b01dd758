"""Small files that ask for much: refused by what they say, before anything is made room for."""

from __future__ import annotations

import resource
from functools import partial

import numpy as np
import pytest
import torch
from faults import bombs
from launching import save_untrained
from pictures import encoded
from PIL import Image

from maskdepth_cli.errors import InputFileError, UsageError, WeightsError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import image_size, read_image
from maskdepth_cli.files.masks import read_instance_map, read_mask
from maskdepth_cli.training.recipe import load_recipe
from maskdepth_cli.weights.refinement import load_refinement
from maskdepth_cli.weights.tensors import load_tensors, save_tensors

# Pytest lifts the filter that the package sets on Pillow's remarks.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SPARE = 24_000  # KiB that refusing a file may take; the bombs below would take twice that and more
PICTURES = [read_image, read_mask, read_instance_map, partial(read_depth, kind="inverse")]


def refused(read, path, words, error=InputFileError):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(error) as failure:
        read(path)
    assert words in str(failure.value)
    assert len(str(failure.value)) < 600
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < SPARE


@pytest.mark.parametrize("name", [n for n in bombs.PICTURES if "gigapixels" in n])
@pytest.mark.parametrize("read", [image_size, *PICTURES])
def test_a_size_beyond_the_limit(tmp_path, name, read):
    path = tmp_path / name
    path.write_bytes(bombs.PICTURES[name]())
    refused(read, path, "pixels exceed the limit of 200 megapixels; raise --max-megapixels")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (bombs.png_with_a_large_profile, "too large"),
        (partial(bombs.jpeg_of_many_scans, 64, 600), "more than 500 scans"),
        (partial(bombs.tiff_of_a_large_tile, 8192), "absurd tiles of 8192x8192"),
        (partial(bombs.tiff_of_overlapping_tags, 100), ""),
        (partial(bombs.tiff_of_many_pages, 10_000), ""),
        (bombs.tiff_that_points_at_itself, ""),
    ],
)
def test_pictures_that_ask_for_much(tmp_path, build, words):
    path = tmp_path / "bomb.png"
    path.write_bytes(build())
    for read in PICTURES:
        refused(read, path, words)


def test_common_progressive_pictures_are_read(tmp_path):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8))
    thumbnail = b"\xff\xda" * 600  # in the comment, where it is no scan
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(picture, "JPEG", progressive=True, comment=thumbnail))
    assert read_image(path).shape == (40, 30, 3)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (bombs.npy_of_gigapixels, "exceed the limit"),
        (partial(bombs.npz_of_a_long_header, 1 << 26), "a header of 67108863 bytes"),
        (partial(bombs.npz_of_bzip2, 1 << 26), "not packed as numpy does"),
        (bombs.pfm_of_gigapixels, "exceed the limit"),
    ],
)
def test_arrays_that_ask_for_much(tmp_path, build, words):
    path = tmp_path / "bomb.npz"
    path.write_bytes(build())
    refused(partial(read_depth, kind="inverse"), path, words)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"depths": [10**9] * 4}, "depths"),
        ({"embed_dims": [2**20] * 4}, "embed_dims"),
        ({"embed_dims": [4096] * 4, "heads": [1] * 4, "mlp_ratios": [4096] * 4}, "missing"),
        ({"heads": [3, 3, 3, 3]}, "3 heads do not divide 64 channels"),
        ({"depths": [1]}, "depths"),
        ({"form": "other"}, "form"),
        ({"layered": 1}, "layered"),
    ],
)
def test_configurations_that_no_network_has(tmp_path, weights, config, words):
    load_refinement(weights)  # what is imported at the first time is no memory of the bomb's
    path = tmp_path / "weights.safetensors"
    path.write_bytes(bombs.safetensors_of(config))
    refused(load_refinement, path, words, WeightsError)


def test_data_nested_beyond_any_stack(tmp_path):
    weights, recipe = tmp_path / "weights.safetensors", tmp_path / "recipe.toml"
    weights.write_bytes(bombs.safetensors_of_deep_nesting())
    recipe.write_bytes(bombs.recipe_of_deep_nesting())
    refused(load_refinement, weights, "not a readable safetensors file", WeightsError)
    refused(load_recipe, recipe, "not a usable recipe", UsageError)


def test_checkpoints_that_ask_for_much(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(bombs.checkpoint_that_inflates(1 << 26))
    refused(load_refinement, path, "its tensors are compressed", WeightsError)
    path.write_bytes(bombs.checkpoint_of_one_number())
    refused(load_refinement, path, "the tensor x is larger than the file", WeightsError)


def test_weights_of_half_precision_are_no_bomb(tmp_path):
    state, config = load_tensors(save_untrained(tmp_path / "full.safetensors"))
    save_tensors(tmp_path / "half.safetensors", state, config, half=True)
    loaded = load_refinement(tmp_path / "half.safetensors").state_dict()
    for name, value in state.items():
        assert torch.equal(loaded[name], value.half().float())
