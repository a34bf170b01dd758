"""What of a mask file is the mask, where files of one kind differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.mask_rules import TRIMAP, UNIT_CODES, VOID, MaskRules
from maskdepth_cli.files.mask_samples import without_void
from maskdepth_cli.files.masks import read_instance_map, read_mask
from maskdepth_cli.files.turns import Turns

ROWS, COLUMNS = np.mgrid[:40, :60]
DISC = ((ROWS - 20) ** 2 + (COLUMNS - 25) ** 2 < 12**2).astype(np.uint8)


def saved(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    Image.fromarray(pixels, mode).save(path)
    return path


def test_files_of_0_and_1(tmp_path: Path) -> None:
    path, notes = saved(tmp_path / "m.png", DISC), []
    np.testing.assert_array_equal(read_mask(path, note=notes.append), DISC)
    assert notes == [UNIT_CODES]
    notes.clear()
    dark = read_mask(path, rules=MaskRules(levels=255), note=notes.append)
    np.testing.assert_allclose(dark, DISC / 255, rtol=1e-6)
    assert notes == []
    deep = saved(tmp_path / "deep.png", DISC.astype(np.uint16) * 255)  # 8 bits in 16
    np.testing.assert_array_equal(read_mask(deep, rules=MaskRules(levels=255)), DISC)
    with pytest.raises(InputFileError, match="holds 255, above"):
        read_mask(deep, rules=MaskRules(levels=100))
    read_mask(saved(tmp_path / "black.png", DISC * 0), note=notes.append)
    read_mask(saved(tmp_path / "white.png", DISC * 255), note=notes.append)
    assert notes == []


@pytest.mark.parametrize(("gray", "odd"), [(128, True), (127, True), (30, False)])
def test_trimaps(tmp_path: Path, gray: int, odd: bool) -> None:
    trimap = (DISC * 255).astype(np.uint8)
    trimap[10:14] = gray
    notes: list[str] = []
    read_mask(saved(tmp_path / "t.png", trimap), note=notes.append)
    assert (TRIMAP in notes) is odd
    trimap[14:18] = 200  # a fourth level: a soft mask
    notes.clear()
    read_mask(saved(tmp_path / "t.png", trimap), note=notes.append)
    assert notes == []


def rgba(gray: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([gray, gray, gray, alpha]).astype(np.uint8)


def test_black_and_white_with_a_few_transparent_pixels_is_a_gray_mask(tmp_path: Path) -> None:
    alpha = np.full(DISC.shape, 255)
    alpha[0, :3] = 0
    path = saved(tmp_path / "m.png", rgba(DISC * 255, alpha))
    np.testing.assert_array_equal(read_mask(path), DISC)
    np.testing.assert_array_equal(read_mask(path, rules=MaskRules("alpha")), alpha / 255)


def test_a_cutout_is_masked_by_its_alpha_whatever_its_colours(tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, DISC.shape)
    for colours in (photo, DISC * 255, np.full(DISC.shape, 255), np.zeros(DISC.shape)):
        path = saved(tmp_path / "c.png", rgba(colours, DISC * 255))
        np.testing.assert_array_equal(read_mask(path), DISC)


def test_two_masks_in_one_file_are_ambiguous(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.png", rgba(DISC[:, ::-1] * 255, DISC * 255))
    with pytest.raises(InputFileError, match="--mask-channel gray or alpha"):
        read_mask(path)
    np.testing.assert_array_equal(read_mask(path, rules=MaskRules("alpha")), DISC)
    np.testing.assert_array_equal(read_mask(path, rules=MaskRules("gray")), DISC[:, ::-1])


def test_alpha_that_is_asked_for_and_not_there(tmp_path: Path) -> None:
    gray = saved(tmp_path / "g.png", DISC * 255)
    with pytest.raises(InputFileError, match="has no transparency"):
        read_mask(gray, rules=MaskRules("alpha"))
    flat = saved(tmp_path / "f.png", rgba(DISC * 255, np.full(DISC.shape, 255)))
    with pytest.raises(InputFileError, match="one transparency everywhere"):
        read_mask(flat, rules=MaskRules("alpha"))


def voc(tmp_path: Path) -> Path:
    """A disc of radius 12 under a ring of void from 10 to 14, as a palette picture."""
    distance = np.hypot(ROWS - 20, COLUMNS - 25)
    ids = np.where(distance < 10, 7, np.where(distance < 14, 255, 0)).astype(np.uint8)
    picture = Image.fromarray(ids).convert("P")
    picture.putdata(ids.ravel().tolist())
    picture.putpalette([i % 256 for i in range(768)])
    picture.save(tmp_path / "voc.png")
    return tmp_path / "voc.png"


def test_void_of_voc_is_neither_object_nor_background(tmp_path: Path) -> None:
    notes: list[str] = []
    ids = read_instance_map(voc(tmp_path), note=notes.append)
    assert notes == [VOID]
    assert set(np.unique(ids)) == {0, 7}
    # The outline lies in the middle of the ring, to a pixel.
    distance = np.hypot(ROWS - 20, COLUMNS - 25)
    assert (ids[distance < 11] == 7).all()
    assert (ids[distance > 13] == 0).all()
    assert set(np.unique(read_instance_map(voc(tmp_path), void=-1))) == {0, 7, 255}


def test_white_among_small_numbers_of_a_gray_map_may_be_void(tmp_path: Path) -> None:
    notes: list[str] = []
    gray = np.zeros((20, 30), np.uint8)
    gray[4:9, 5:12] = 3
    plain = saved(tmp_path / "plain.png", gray)
    gray[12:, :] = 255
    white = saved(tmp_path / "white.png", gray)
    many = saved(tmp_path / "many.png", np.arange(256, dtype=np.uint8).repeat(4).reshape(32, 32))
    alone = saved(tmp_path / "alone.png", (gray == 3).astype(np.uint8) * 255)
    for path in (plain, many, alone):
        read_instance_map(path, note=notes.append)
    assert notes == []
    np.testing.assert_array_equal(read_instance_map(white, note=notes.append), gray)
    assert notes == ["white id"]
    read_instance_map(white, void=255, note=notes.append)
    assert len(notes) == 1
    deep = np.where(gray == 255, 65535, gray.astype(np.uint16))
    deep[0, 0] = 300
    path = saved(tmp_path / "deep.png", deep)
    np.testing.assert_array_equal(read_instance_map(path, note=notes.append), deep)
    assert notes == ["white id"] * 2
    assert read_instance_map(path, void=65535, note=notes.append).max() == 300
    assert len(notes) == 2


def test_another_number_of_void(tmp_path: Path) -> None:
    ids = np.zeros((40, 60), np.uint8)
    ids[10:30, 10:30] = 255  # gray: an object of this number
    ids[:, 40:] = 9
    path = saved(tmp_path / "i.png", ids)
    assert set(np.unique(read_instance_map(path))) == {0, 9, 255}
    told = read_instance_map(path, void=9)
    assert set(np.unique(told)) == {0, 255}
    assert (told[:, 48:] == 0).all()  # wide areas are background


def test_nearest_label_by_brute_force() -> None:
    random = np.random.default_rng(1)
    ids = random.choice([0, 3, 5, 9], (20, 24), p=[0.4, 0.2, 0.2, 0.2]).astype(np.int32)
    filled = without_void(ids, 9)
    known = np.argwhere(ids != 9)
    for row, column in np.argwhere(ids == 9):
        distance = np.hypot(known[:, 0] - row, known[:, 1] - column)
        near = known[distance <= distance.min() + 0.1]  # OpenCV's distance is within 2%
        assert filled[row, column] in {ids[r, c] for r, c in near}
    np.testing.assert_array_equal(filled[ids != 9], ids[ids != 9])


@pytest.mark.parametrize("orientation", range(2, 9))
def test_files_made_from_the_photo_as_it_is_stored(tmp_path: Path, orientation: int) -> None:
    stored = np.arange(40 * 60).reshape(40, 60).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "photo.png", exif=exif)
    from PIL import ImageOps

    with Image.open(tmp_path / "photo.png") as photo:
        seen = np.asarray(ImageOps.exif_transpose(photo))
    path = saved(tmp_path / "depth.png", stored)
    size = (seen.shape[1], seen.shape[0])
    turned = Turns(orientation, as_stored=True).of(path, size)
    assert turned.size == (60, 40)
    np.testing.assert_array_equal(turned.apply(stored), seen)
    # Where the photo's partner is turned already, nothing is turned again.
    notes: list[str] = []
    plain = Turns(orientation, note=notes.append).of(path, size)
    assert (plain.size, plain.orientation) == (size, 1)
    assert notes == (["turn"] if orientation < 5 else [])  # 40x60 for 60x40 tells itself
    said: list[str] = []
    Turns(orientation, note=said.append, said=True).of(path, size)
    assert said == []  # who says it of masks knows of depth maps
    own = Turns(orientation, True, notes.append).of(tmp_path / "photo.png", size)
    assert own.orientation == 1
