"""Panels: pictures side by side, with captions, and close-ups of what changed most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from maskdepth_cli.types import Image, InstanceMap, InverseDepth, Mask
from maskdepth_cli.viewing.close_ups import Window, close_ups
from maskdepth_cli.viewing.colors import (
    COLORMAPS,
    color_change,
    color_depth,
    color_instances,
    depth_range,
)

TILE = 640  # long side of one picture
GAP = 6
CAPTION = 32
CHANGE = "red: nearer, blue: farther"  # caption of changes

_PARTS = ("photo", "mask", "before", "after", "change", "close_before", "close_after")

Picture = NDArray[np.uint8]
WHOLE: Window = (slice(None), slice(None))


@dataclass(frozen=True)
class Column:
    """One picture of a panel, whole and in close-ups.

    Parameters
    ----------
    caption
        Above it.
    draw
        From a window of the photo and the size (width, height) of a tile to a tile.
    """

    caption: str
    draw: Callable[[Window, tuple[int, int]], Picture]


def photo_column(image: Image) -> Column:
    """Return the column of a photo (H, W, 3)."""
    return Column("photo", lambda window, size: _bytes(_fit(image[window], size)))


def mask_column(mask: Mask | InstanceMap) -> Column:
    """Return the column of a mask (H, W) or of ids (H, W), which get a colour each."""

    def draw(window: Window, size: tuple[int, int]) -> Picture:
        part = mask[window]
        if np.issubdtype(part.dtype, np.integer):
            colors = color_instances(part.astype(np.int32, copy=False))
            return _bytes(_fit(colors.astype(np.float32) / np.float32(255), size))
        gray = _bytes(_fit(part.astype(np.float32, copy=False), size))
        return np.repeat(gray[..., None], 3, axis=2)

    return Column("mask", draw)


def depth_column(
    caption: str, depth: InverseDepth, low: float, high: float, colormap: str = COLORMAPS[0]
) -> Column:
    """Return the column of inverse depth (H, W); other parameters as of `color_depth`."""

    def draw(window: Window, size: tuple[int, int]) -> Picture:
        return color_depth(_fit(_unknown_as_nan(depth[window]), size), low, high, colormap)

    return Column(caption, draw)


def change_column(
    caption: str, before: InverseDepth, after: InverseDepth, span: float, image: Image
) -> Column:
    """Return the column of a change over the dim photo; parameters as of `color_change`."""

    def draw(window: Window, size: tuple[int, int]) -> Picture:
        first, last = (_fit(_unknown_as_nan(one[window]), size) for one in (before, after))
        return color_change(first, last, span, _bytes(_fit(image[window], size)))

    return Column(caption, draw)


def panel(columns: Sequence[Column], size: tuple[int, int], windows: Sequence[Window]) -> Picture:
    """Draw columns side by side: the whole photo above, one row a close-up below.

    Parameters
    ----------
    columns
        From left to right.
    size
        Width and height of the photo.
    windows
        Places of the close-ups; they are outlined in the upper row, and numbered if there are
        several.

    Returns
    -------
    ndarray
        RGB (H', W', 3), uint8.
    """
    tile = _tile_size(size)
    rows = [[column.draw(window, tile) for column in columns] for window in (WHOLE, *windows)]
    for picture in rows[0]:
        for window in windows:
            _outline(picture, window, size[0] / tile[0])
    canvas = _stack([column.caption for column in columns], rows)
    if len(windows) > 1:
        _number(canvas, tile, size, windows)
    return np.asarray(canvas, dtype=np.uint8)


def refinement_panel(
    image: Image, mask: Mask | InstanceMap, before: InverseDepth, after: InverseDepth
) -> Picture:
    """Show a refinement: photo, mask, initial and refined depth, and the change.

    Both depth maps share one range of colours. Below, the same pictures around the place of the
    greatest change; without any change that row is left out.

    Parameters
    ----------
    image
        Photo (H, W, 3) in [0, 1].
    mask
        Mask (H, W) in [0, 1], or ids (H, W).
    before, after
        Initial and refined inverse depth (H, W).

    Returns
    -------
    ndarray
        RGB (H', W', 3), uint8.
    """
    low, high = depth_range(before, after)
    columns = [
        photo_column(image),
        mask_column(mask),
        depth_column("initial depth", before, low, high),
        depth_column("refined depth", after, low, high),
        change_column(CHANGE, before, after, (high - low) / 2, image),
    ]
    return panel(columns, (image.shape[1], image.shape[0]), close_ups(before, [after], 1))


def prediction_panel(image: Image, depth: InverseDepth) -> Picture:
    """Show a prediction: photo and depth.

    Parameters
    ----------
    image
        Photo (H, W, 3) in [0, 1].
    depth
        Inverse depth (H, W).

    Returns
    -------
    ndarray
        RGB (H', W', 3), uint8.
    """
    columns = [photo_column(image), depth_column("depth", depth, *depth_range(depth))]
    return panel(columns, (image.shape[1], image.shape[0]), [])


def _tile_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return width and height of a tile for a photo's, the long side `TILE`."""
    scale = TILE / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _fit(array: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize to width and height; much enlarged pixels show as squares."""
    scale = max(size) / max(array.shape[:2])
    grown = cv2.INTER_LINEAR if scale < 2 else cv2.INTER_NEAREST
    method = cv2.INTER_AREA if scale < 1 else grown
    return np.asarray(cv2.resize(array, size, interpolation=method), dtype=np.float32)


def _unknown_as_nan(depth: InverseDepth) -> InverseDepth:
    """Return depth with NaN where it is infinite: an average with infinity would be one."""
    return np.where(np.isfinite(depth), depth, np.float32(np.nan))


def _bytes(values: NDArray[np.float32]) -> Picture:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _outline(tile: Picture, window: Window, scale: float) -> None:
    """Draw a close-up's window into a picture; `scale` is source pixels a tile pixel."""
    rows, columns = window
    left, top = round(columns.start / scale), round(rows.start / scale)
    right, bottom = round(columns.stop / scale) - 1, round(rows.stop / scale) - 1
    cv2.rectangle(tile, (left - 1, top - 1), (right + 1, bottom + 1), color=(0, 0, 0))
    cv2.rectangle(tile, (left, top), (right, bottom), color=(255, 255, 255))


def _number(
    canvas: PILImage.Image, tile: tuple[int, int], size: tuple[int, int], windows: Sequence[Window]
) -> None:
    """Write the same number beside a window's outline in the photo and into its close-up."""
    draw = ImageDraw.Draw(canvas)
    for index, (rows, columns) in enumerate(windows, start=1):
        outlined = columns.start / size[0] * tile[0], rows.start / size[1] * tile[1]
        for x, y in (outlined, (0, index * (tile[1] + GAP))):
            place = GAP + x + 6, CAPTION + y + 4
            draw.text(place, str(index), (255, 255, 255), _font(), stroke_width=2, stroke_fill=0)


def _stack(captions: Sequence[str], rows: Sequence[Sequence[Picture]]) -> PILImage.Image:
    """Put captioned rows of pictures of one size onto one canvas."""
    height, width = rows[0][0].shape[:2]
    column = max(width, CAPTION)
    across, down = len(captions) * (column + GAP) + GAP, CAPTION + len(rows) * (height + GAP)
    canvas = PILImage.new("RGB", (across, down), (24, 24, 24))
    draw = ImageDraw.Draw(canvas)
    for i, caption in enumerate(captions):
        left = GAP + i * (column + GAP)
        text = _shortened(caption, column - 2)
        draw.text((left + 2, CAPTION // 2), text, (230, 230, 230), _font(), anchor="lm")
        for j, row in enumerate(rows):
            canvas.paste(PILImage.fromarray(row[i]), (left, CAPTION + j * (height + GAP)))
    return canvas


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=20)


def _shortened(caption: str, width: float) -> str:
    """Return as much of a caption's end as is `width` pixels wide."""
    font, text = _font(), caption
    while len(text) > 1 and font.getlength(text) > width:
        caption = caption[1:]
        text = "…" + caption
    return text


def depth_tile(depth: InverseDepth, low: float, high: float) -> Picture:
    """Return one depth map as previews show it, RGB (H', W', 3), uint8, long side `TILE`.

    Parameters
    ----------
    depth
        Inverse depth (H, W).
    low, high
        Values of the farthest and the nearest colour.
    """
    size = _tile_size((depth.shape[1], depth.shape[0]))
    return depth_column("", depth, low, high).draw(WHOLE, size)


def panel_tiles(panel: Picture, size: tuple[int, int]) -> dict[str, Picture]:
    """Take a preview apart again.

    Parameters
    ----------
    panel
        What `refinement_panel` or `prediction_panel` returned.
    size
        Width and height of its photo.

    Returns
    -------
    dict
        `photo`, `mask`, `before`, `after`, `change` of a refinement, with `close_before` and
        `close_after` where it has a close-up; `photo`, `after` of a prediction; empty where the
        panel is none of a photo of this size.
    """
    width, height = _tile_size(size)
    rows, below = divmod(panel.shape[0] - CAPTION, height + GAP)
    for names in (("photo", "mask", "before", "after", "change"), ("photo", "after")):
        column, beside = divmod(panel.shape[1] - GAP, len(names))
        if rows in (1, 2) and column == max(width, CAPTION) + GAP and not (below or beside):
            tiles = {}
            for row, prefix in enumerate(("", "close_")[:rows]):
                top = CAPTION + row * (height + GAP)
                for i, name in enumerate(names):
                    left = GAP + i * column
                    tiles[prefix + name] = panel[top : top + height, left : left + width]
            return {name: tile for name, tile in tiles.items() if name in _PARTS}
    return {}
