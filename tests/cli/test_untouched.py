"""What a refinement leaves alone is written as it was given, in every kind and format."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import OpenEXR
import pytest
import tifffile

from maskdepth_cli.choices import DepthFormat, DepthKind
from maskdepth_cli.engine.loading import load_refiner
from maskdepth_cli.errors import ExitCode
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_photo
from maskdepth_cli.files.masks import read_mask

FORMATS = get_args(DepthFormat)


def numbers(path):
    """What another library finds in a file."""
    if path.suffix in (".png", ".pfm"):
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if path.suffix == ".tiff":
        return tifffile.imread(path)
    if path.suffix == ".exr":
        return OpenEXR.File(str(path)).channels()["Z"].pixels
    found = np.load(path)
    return found["depth"] if path.suffix == ".npz" else found


def given(album, source, kind):
    """Write an initial map in which every pixel differs, some are unknown; return its numbers."""
    _, blurred = album.add("a.jpg")
    album.path("depths", "a.npy").unlink()
    place = np.arange(blurred.size).reshape(blurred.shape) / blurred.size
    near = (blurred + place if kind == "inverse" else 7 - blurred - place) + album.random.uniform(
        0, 1e-3, blurred.shape
    )
    if source == "npy":
        values = near.astype(np.float32)
        values[0, :3] = np.nan, -1 if kind == "depth" else np.nan, np.inf
        np.save(album.path("depths", "a.npy"), values)
        return values
    codes = np.rint(near * 8000).astype(np.uint16)
    codes[0, :3] = 0
    if source == "png":
        album.write("depths", "a.png", codes)
    else:
        tifffile.imwrite(album.path("depths", "a.tiff"), codes)
    return codes


@pytest.mark.parametrize("kind", get_args(DepthKind))
@pytest.mark.parametrize("source", ["npy", "png", "tiff"])
def test_untouched_pixels_are_the_inputs(album, maskdepth, kind, source):
    initial = given(album, source, kind)
    unknown = () if source == "npy" else ("--unknown", "0")
    depth = read_depth(
        album.root / f"depths/a.{source}", kind, unknown=None if source == "npy" else 0
    )
    changed = (
        load_refiner(album.weights, device="cpu", layers=False)
        .refine(
            read_photo(album.root / "photos/a.jpg"), depth, read_mask(album.root / "masks/a.png")
        )
        .changed
    )
    assert 0.1 < changed.mean() < 0.7
    for format in FORMATS:
        more = ("--depth-kind", kind, "--format", format, "--png-range", "0,8", *unknown)
        assert maskdepth(*album.arguments(*more)).code == ExitCode.OK
        suffix = {"png16": "png", "keep": "png" if source == "png" else "tiff"}.get(format, format)
        found = numbers(album.out / f"a.{suffix}")
        whole = format == "png16" or (format == "keep" and source != "npy")
        assert found.dtype == (np.uint16 if whole else np.float32), format
        assert (found != initial)[changed].any(), format
        if format == "png16" and source == "npy":  # a step is 8/65535, and half of it is lost
            assert found[0, 2] == (65535 if kind == "depth" else 0)  # infinitely far
            known = ~changed & np.isfinite(depth) & np.isfinite(initial)
            step = np.abs(found[known] * (8 / 65535) - initial[known])
            assert step.max() <= 0.501 * 8 / 65535
            assert (found[~np.isfinite(depth)] == 0).all()
            continue
        np.testing.assert_array_equal(found[~changed], initial[~changed], err_msg=format)
