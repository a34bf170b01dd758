"""Options of `refine` that change what is written of a depth."""

from __future__ import annotations

import re

import cv2
import numpy as np

from maskdepth_cli.errors import ExitCode


def test_edges_sky_and_confidence_of_files(album, maskdepth):
    album.add("a.jpg")
    album.add("b.jpg")
    sky = np.zeros((40, 48), np.uint8)
    sky[:5] = 255
    album.write("sky", "a.png", sky)
    arguments = [*album.arguments("--format", "npy"), "--edges", "hard", "--grow", "2"]
    arguments += ["--sky", str(album.root / "sky"), "--sky-as", "unknown", "--confidence"]
    ended = maskdepth(*arguments)
    assert ended.code == ExitCode.OK, ended.err
    depths = {name: np.load(album.out / f"{name}.npy") for name in ("a", "b")}
    assert np.isnan(depths["a"][:5]).all()
    assert np.isfinite(depths["b"]).all()
    sure = cv2.imread(str(album.out / "confidence/b.png"), cv2.IMREAD_UNCHANGED)
    assert sure.shape == (40, 48)
    assert sure.max() == np.iinfo(sure.dtype).max
    assert sure.min() < sure.max()
    assert not (album.out / "layers").exists()
    plain = [*album.arguments("--format", "npy", "--sky-as", "unknown")]
    assert maskdepth(*plain).code == ExitCode.USAGE


def test_masks_that_are_off_are_told_of_once(album, maskdepth):
    """Three photos whose depth and colours have one edge, their masks one 3 pixels beside it."""
    rows, columns = np.mgrid[:180, :240]
    true, off = (np.hypot(rows - 90, columns - middle) < 45 for middle in (120, 123))
    for name in ("a", "b", "c"):
        album.write("photos", f"{name}.png", np.where(true, 190, 60)[..., None].repeat(3, axis=2))
        album.write("masks", f"{name}.png", np.where(off, 255, 0))
        album.write("depths", f"{name}.png", np.where(true, 40000, 15000).astype(np.uint16))
    ended = maskdepth(*album.arguments("--weights", "trust"))
    assert ended.code == ExitCode.OK, ended.err
    assert len(re.findall(r"masks of 3 of 3\s+photos have edges", ended.err)) == 1
    result = cv2.imread(str(album.out / "a.png"), cv2.IMREAD_UNCHANGED)
    assert ((result > 27500) == true).mean() > 0.998
    exact = maskdepth(*album.arguments("--weights", "trust", "--mask-edges", "exact"))
    assert exact.code == ExitCode.OK
    assert "edges that are off" not in exact.err
    result = cv2.imread(str(album.out / "a.png"), cv2.IMREAD_UNCHANGED)
    assert ((result > 27500) == off).mean() > 0.998
    told_to = maskdepth(*album.arguments("--weights", "trust", "--mask-edges", "approximate"))
    assert told_to.code == ExitCode.OK
    assert "edges that are off" not in told_to.err
    result = cv2.imread(str(album.out / "a.png"), cv2.IMREAD_UNCHANGED)
    assert ((result > 27500) == true).mean() > 0.998
