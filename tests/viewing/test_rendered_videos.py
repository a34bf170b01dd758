from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from maskdepth_cli.viewing.videos import read_frames, write_video

PHOTO = Path(__file__).parents[2] / "examples" / "photos" / "friends.jpg"


def test_colours_of_a_gif_are_right_on_average_and_do_not_flicker(tmp_path):
    photo = cv2.imread(str(PHOTO))[200:650, 180:480, ::-1]
    moved = np.roll(photo, 30, axis=1)
    write_video(tmp_path / "moving.gif", iter([photo, moved]), 10, "gif")
    found = read_frames(tmp_path / "moving.gif")

    def reduced(picture):
        size = (picture.shape[1] // 5, picture.shape[0] // 5)
        return cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_AREA)

    for picture, true in zip(found, (photo, moved), strict=True):
        assert np.abs(reduced(picture) - reduced(true)).mean() < 0.7  # median cut: 1.2
    palettes = [np.unique(picture.reshape(-1, 3), axis=0) for picture in found]
    assert len(np.unique(np.concatenate(palettes), axis=0)) <= 256
