"""Options of `refine` that change what is written of a depth."""

from __future__ import annotations

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
