from __future__ import annotations

import cv2
import numpy as np
import portrait_files as built
import pytest

from maskdepth_cli.errors import ExitCode
from maskdepth_cli.portraits.reading import read_embedded_depth

PHOTO, MATTE, CODES = built.scene()
FRAMES = [(CODES, built.apple_depth(low=0.5, high=2.5)), (MATTE, built.apple_matte())]


@pytest.fixture
def refine(maskdepth):
    return lambda *arguments: maskdepth("refine", *map(str, arguments))


@pytest.fixture
def folder(tmp_path):
    photos = tmp_path / "album"
    photos.mkdir()
    (photos / "portrait.jpg").write_bytes(built.mpo(PHOTO, FRAMES))
    (photos / "lens_blur.jpg").write_bytes(built.gdepth(PHOTO, 255 - CODES, chunk=500))
    (photos / "plain.jpg").write_bytes(built.jpeg(PHOTO))
    return photos


def test_a_portrait_photo_needs_neither_mask_nor_model(folder, tmp_path, refine):
    out = tmp_path / "out"
    ended = refine(folder / "portrait.jpg", "-o", out, "--format", "npy", "--embed", "--json")
    assert ended.code == ExitCode.OK
    assert "predict" not in ended.err
    assert "initial depth" not in ended.err
    refined = np.load(out / "portrait.npy")
    initial = 0.5 + CODES / 255 * 2
    np.testing.assert_allclose(refined[:4, -4:], initial[:4, -4:], atol=0.05)
    inside, outside = MATTE == 255, MATTE == 0
    edge = cv2.dilate(MATTE, np.ones((9, 9))) > cv2.erode(MATTE, np.ones((9, 9)))
    step = refined[inside & edge].mean() - refined[outside & edge].mean()
    assert step > 1.5 * (initial[inside & edge].mean() - initial[outside & edge].mean())
    (row,) = ended.rows.values()
    assert row["details"]["within"]["container"] == "MPO"
    assert row["details"]["within"]["accuracy"] == "absolute"
    embedded = read_embedded_depth(out / "embedded" / "portrait.jpg")
    np.testing.assert_allclose(embedded, refined, atol=0.03 * np.ptp(refined))
    again = refine(folder / "portrait.jpg", "-o", out, "--format", "npy", "--embed", "--json")
    assert [row["status"] for row in again.rows.values()] == ["skipped"]


def test_masks_and_prediction_complete_what_photos_lack(folder, tmp_path, refine):
    masks = tmp_path / "masks"
    masks.mkdir()
    for name in ("lens_blur", "plain"):
        (masks / f"{name}.png").write_bytes(built.png(MATTE))
    ended = refine(folder, "--masks", masks, "-o", tmp_path / "out", "--json")
    assert ended.code == ExitCode.OK
    within = {name: row["details"].get("within") for name, row in ended.rows.items()}
    assert within["lens_blur.jpg"]["container"] == "GDepth"
    assert within["portrait.jpg"]["container"] == "MPO"
    assert within["plain.jpg"] is None


def test_what_is_missing_is_said(folder, tmp_path, refine):
    ended = refine(folder, "-o", tmp_path / "out", "--matte", "portrait")
    assert ended.code == ExitCode.SOME_FAILED
    assert "plain.jpg: it holds no portrait matte" in ended.err
    ended = refine(folder, "-o", tmp_path / "hair", "--matte", "hair")
    assert ended.code == ExitCode.USAGE
    assert "give either --masks or --instances" in ended.err


@pytest.mark.parametrize("quarters", [0, 1])
def test_heic_in_heic_out(tmp_path, refine, quarters):
    pytest.importorskip("pillow_heif")
    pictures = [
        (CODES, built.DEPTH_URN, built.apple_depth(low=0.5, high=2.5)),
        (MATTE, built.APPLE_URNS["portrait"], built.apple_matte()),
    ]
    (tmp_path / "IMG_0001.HEIC").write_bytes(built.heic(PHOTO, pictures, quarters))
    out = tmp_path / "out"
    ended = refine(tmp_path / "IMG_0001.HEIC", "-o", out, "--format", "npy", "--embed")
    assert ended.code == ExitCode.OK
    refined = np.load(out / "IMG_0001.npy")
    assert refined.shape == np.rot90(CODES, quarters).shape
    embedded = read_embedded_depth(out / "embedded" / "IMG_0001.HEIC")
    np.testing.assert_allclose(embedded, refined, atol=0.03 * np.ptp(refined))
    initial = np.rot90(0.5 + CODES / 255 * 2, quarters)
    far = np.rot90(cv2.dilate(MATTE, np.ones((41, 41))), quarters) == 0
    np.testing.assert_allclose(refined[far], initial[far], rtol=1e-5)
