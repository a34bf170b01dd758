"""`refine --masks rembg` and `--masks transformers:...`, with networks that the tests build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from album import SIZE, Album
from mask_networks import brightness, segmentation
from PIL import Image

from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.pairing.mask_files import open_masks
from maskdepth_cli.pairing.selection import Selection


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return brightness(tmp_path / "own.onnx")


def command(album: Album, masks: str, *more: str) -> list[str]:
    arguments = album.arguments(*more)
    arguments[arguments.index("--masks") + 1] = masks
    return arguments


def made_by(folder: Path) -> dict[str, str]:
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    return {row["name"]: row["details"]["made_with"]["masks"] for row in map(json.loads, lines)}


def test_the_command_makes_masks_once(album: Album, maskdepth: Any, network: Path) -> None:
    album.add("a.png")
    album.add("x/b.png")
    name = f"rembg:{network}"
    first = maskdepth(*command(album, name))
    assert first.code == 0, first.err
    assert f"masks: 2 by {name}" in first.err
    for place in ("a.png", "x/b.png"):
        with Image.open(album.out / "masks" / place) as image:
            image.load()
            assert image.text["maskdepth.mask"] == name
            assert image.size == SIZE[::-1]
    assert made_by(album.out / "masks") == {"a.png": name, "x/b.png": name}

    corrected = np.zeros(SIZE, np.uint8)
    corrected[:20] = 255
    Image.fromarray(corrected).save(album.out / "masks/a.png")
    (album.out / "masks/x/b.png").unlink()
    second = maskdepth(*command(album, name, "--overwrite"))
    assert second.code == 0, second.err
    assert f"masks: 1 by {name}, 1 were there already" in second.err
    np.testing.assert_array_equal(read_mask(album.out / "masks/a.png"), corrected / 255)
    assert (album.out / "masks/x/b.png").is_file()

    other = maskdepth(*command(album, "rembg:other.onnx"))
    assert f"masks: some are by {name} and stay; remove" in other.err


def test_the_command_keeps_objects_as_annotations(
    album: Album, maskdepth: Any, tmp_path: Path
) -> None:
    album.add("a.png")
    name = f"transformers:{segmentation(tmp_path / 'network')}"
    ended = maskdepth(*command(album, name))
    assert ended.code == 0, ended.err
    kept = album.out / "masks/a.json"
    shapes = json.loads(kept.read_text())["shapes"]
    labels = {shape["label"] for shape in shapes}
    assert labels <= {"ground", "person", "dog"}
    assert {shape["description"] for shape in shapes} == {name}
    masks = open_masks(kept, "a.png", SIZE[::-1])
    assert len(masks) == len(labels)
    assert sum(mask.sum() for mask in masks) == SIZE[0] * SIZE[1]  # each pixel has one class
    none = open_masks(kept, "a.png", SIZE[::-1], selection=Selection(("cat",)))
    assert none[0].max() == 0


def test_a_dry_run_makes_nothing(album: Album, maskdepth: Any, network: Path) -> None:
    album.add("a.png")
    assert maskdepth(*command(album, f"rembg:{network}", "--dry-run")).code == 0
    assert not album.out.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--shard", "1/2"], "make the masks with it first"),
        (["--classes", "person"], "finds only one"),
        (["--mask-suffix", "{name}_m"], "drop one"),
    ],
)
def test_what_it_does_not_go_with(
    album: Album, maskdepth: Any, network: Path, more: list[str], words: str
) -> None:
    album.add("a.png")
    ended = maskdepth(*command(album, f"rembg:{network}", *more))
    assert ended.code == 2
    assert words in ended.err
