"""Many small pictures of one size in captioned columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from maskdepth_cli.viewing.colors import color_depth

GAP, CAPTION = 4, 26
CHECKS = 8  # side of the squares that stand for nothing

Picture = NDArray[np.uint8]  # (H, W, 3)


def contact_sheet(captions: Sequence[str], rows: Sequence[Sequence[Picture]]) -> Picture:
    """Put rows of pictures of one size below captions.

    Parameters
    ----------
    captions
        One for each column.
    rows
        Of as many pictures, RGB (H, W, 3), uint8.

    Returns
    -------
    ndarray
        RGB, uint8.
    """
    height, width = rows[0][0].shape[:2]
    size = (
        GAP + len(captions) * (width + GAP),
        CAPTION + len(rows) * (height + GAP),
    )
    canvas = PILImage.new("RGB", size, (24, 24, 24))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=14)
    for column, caption in enumerate(captions):
        left = GAP + column * (width + GAP)
        draw.text((left + 2, CAPTION // 2), caption, fill=(230, 230, 230), font=font, anchor="lm")
        for row, pictures in enumerate(rows):
            top = CAPTION + row * (height + GAP)
            canvas.paste(PILImage.fromarray(pictures[column]), (left, top))
    return np.asarray(canvas, dtype=np.uint8)


def masked_depth(
    depth: NDArray[np.float32], known: NDArray[np.bool_], low: float, high: float
) -> Picture:
    """Return inverse depth (H, W) in colours, and a chequered pattern where it is not known."""
    rows, columns = np.indices(depth.shape) // CHECKS
    checks = np.where((rows + columns) % 2, 70, 110).astype(np.uint8)
    return np.where(known[..., None], color_depth(depth, low, high), checks[..., None])
