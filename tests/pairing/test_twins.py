"""Depth maps that tools write twice: a picture to look at, and floats."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from maskdepth_cli.pairing.matching import (
    DEPTH_SUFFIXES,
    MASK_SUFFIXES,
    NamePattern,
    find_inputs,
    pair,
)


def photos(root: Path, *names: str):
    for name in names:
        (root / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "photos" / name).write_bytes(b"x")
    return find_inputs([str(root / "photos")])


def maps(root: Path, *names: str) -> Path:
    for name in names:
        (root / "maps" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "maps" / name).write_bytes(b"x")
    return root / "maps"


@pytest.mark.parametrize(
    ("names", "pattern", "taken"),
    [
        (["x/tree.jpg", "x/tree.npz"], "", "x/tree.npz"),  # Depth Pro
        (["x/tree.png", "x/tree_raw_depth_meter.npy"], "", "x/tree_raw_depth_meter.npy"),  # DA V2
        (["x/tree-dpt_large.png", "x/tree-dpt_large.pfm"], "{name}-*", "x/tree-dpt_large.pfm"),
        (["x/tree.png", "x/tree.exr"], "", "x/tree.exr"),
        (["x/tree_pred.npy", "x/tree_pred_colored.png"], "{name}_*", "x/tree_pred.npy"),
    ],
)
def test_the_floats_are_taken(tmp_path, names, pattern, taken) -> None:
    inputs = photos(tmp_path, "x/tree.jpg")
    folder = maps(tmp_path, *names)
    named = [NamePattern(pattern, DEPTH_SUFFIXES)] if pattern else []
    found = pair(inputs, folder, DEPTH_SUFFIXES, *named)
    assert found.paired[inputs[0]] == (folder / taken,)
    assert not found.ambiguous
    assert not found.unused_files
    (twins,) = found.twins.values()
    assert (twins[0], sorted(twins)) == (taken, sorted(names))


@pytest.mark.parametrize(
    "names",
    [["tree.jpg", "tree.png"], ["tree.pfm", "tree.npy"], ["tree.png", "tree.tiff"]],
)
def test_two_pictures_or_two_floats_stay_ambiguous(tmp_path, names) -> None:
    inputs = photos(tmp_path, "tree.jpg")
    found = pair(inputs, maps(tmp_path, *names), DEPTH_SUFFIXES)
    assert len(found.ambiguous[inputs[0]]) == 2
    assert not found.twins


def test_a_tiff_is_looked_into(tmp_path) -> None:
    inputs = photos(tmp_path, "a.jpg")
    folder = maps(tmp_path, "a.png")
    cv2.imwrite(str(folder / "a.png"), np.ones((4, 5), np.uint16))
    tifffile.imwrite(folder / "a.tif", np.ones((4, 5), np.float32))
    assert pair(inputs, folder, DEPTH_SUFFIXES).paired[inputs[0]] == (folder / "a.tif",)
    tifffile.imwrite(folder / "a.tif", np.ones((4, 5), np.uint16))
    assert inputs[0] in pair(inputs, folder, DEPTH_SUFFIXES).ambiguous


def test_masks_have_no_twins(tmp_path) -> None:
    inputs = photos(tmp_path, "a.jpg")
    found = pair(inputs, maps(tmp_path, "a.png", "a.npy"), MASK_SUFFIXES)
    assert inputs[0] in found.ambiguous
