"""Previews: pictures side by side, with captions, and a close-up of what changed most."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from maskdepth_cli.types import Image, InstanceMap, InverseDepth, Mask
from maskdepth_cli.viewing.colors import color_change, color_depth, color_instances, depth_range

TILE = 640  # long side of one picture
GAP = 6
CAPTION = 32
CLOSE_UP = 0.22  # side of the close-up's window as a share of the long side

Picture = NDArray[np.uint8]


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
    window = _close_up(before, after)
    low, high = depth_range(before, after)
    rows = [_refinement_tiles(image, mask, before, after, low, high)]
    if window is not None:
        crop = (image[window], mask[window], before[window], after[window])
        rows.append(_refinement_tiles(*crop, low, high))
        _outline(rows[0], window, image.shape[1] / rows[0][0].shape[1])
    captions = ("photo", "mask", "initial depth", "refined depth", "red: nearer, blue: farther")
    return _stack(captions, rows)


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
    tiles = [_bytes(_fit(image)), color_depth(_fit(_unknown_as_nan(depth)), *depth_range(depth))]
    return _stack(("photo", "depth"), [tiles])


def _refinement_tiles(
    image: Image,
    mask: Mask | InstanceMap,
    before: InverseDepth,
    after: InverseDepth,
    low: float,
    high: float,
) -> list[Picture]:
    photo = _bytes(_fit(image))
    before, after = _fit(_unknown_as_nan(before)), _fit(_unknown_as_nan(after))
    return [
        photo,
        _mask_picture(mask),
        color_depth(before, low, high),
        color_depth(after, low, high),
        color_change(before, after, (high - low) / 2, photo),
    ]


def _mask_picture(mask: Mask | InstanceMap) -> Picture:
    if np.issubdtype(mask.dtype, np.integer):
        colors = color_instances(mask.astype(np.int32, copy=False))
        return _bytes(_fit(colors.astype(np.float32) / np.float32(255)))
    gray = _bytes(_fit(mask.astype(np.float32, copy=False)))
    return np.repeat(gray[..., None], 3, axis=2)


def _close_up(before: InverseDepth, after: InverseDepth) -> tuple[slice, slice] | None:
    """Return the square window with the most change, None where nothing changed."""
    with np.errstate(invalid="ignore"):
        change = np.abs(after - before)
    change[~np.isfinite(change)] = 0
    if not change.any():
        return None
    height, width = change.shape
    side = max(8, round(CLOSE_UP * max(height, width)))
    across, down = min(side, width), min(side, height)
    # A coarse sum is enough to choose the place.
    coarse = cv2.resize(change, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    sums = cv2.boxFilter(
        coarse, cv2.CV_64F, (max(1, across // 8), max(1, down // 8)), borderType=cv2.BORDER_CONSTANT
    )
    row, column = np.unravel_index(int(np.argmax(sums)), sums.shape)
    top = int(np.clip(8 * row + 4 - down // 2, 0, height - down))
    left = int(np.clip(8 * column + 4 - across // 2, 0, width - across))
    return slice(top, top + down), slice(left, left + across)


def _fit(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resize so that the long side is a tile's; much enlarged pixels show as squares."""
    height, width = array.shape[:2]
    scale = TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grown = cv2.INTER_LINEAR if scale < 2 else cv2.INTER_NEAREST
    method = cv2.INTER_AREA if scale < 1 else grown
    return np.asarray(cv2.resize(array, size, interpolation=method), dtype=np.float32)


def _unknown_as_nan(depth: InverseDepth) -> InverseDepth:
    """Return depth with NaN where it is infinite: an average with infinity would be one."""
    return np.where(np.isfinite(depth), depth, np.float32(np.nan))


def _bytes(values: NDArray[np.float32]) -> Picture:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _outline(tiles: Sequence[Picture], window: tuple[slice, slice], scale: float) -> None:
    """Draw the close-up's window into each picture; `scale` is source pixels a tile pixel."""
    rows, columns = window
    first = round(columns.start / scale), round(rows.start / scale)
    last = round(columns.stop / scale) - 1, round(rows.stop / scale) - 1
    for tile in tiles:
        cv2.rectangle(tile, first, last, color=(255, 255, 255), thickness=1)


def _stack(captions: Sequence[str], rows: Sequence[Sequence[Picture]]) -> Picture:
    """Put captioned rows of pictures onto one canvas; columns are as wide as the first row's."""
    widths = [max(row[i].shape[1] for row in rows) for i in range(len(captions))]
    width = sum(widths) + GAP * (len(captions) + 1)
    height = CAPTION + sum(row[0].shape[0] + GAP for row in rows)
    canvas = PILImage.new("RGB", (width, height), (24, 24, 24))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=20)
    left = GAP
    for i, caption in enumerate(captions):
        draw.text((left + 2, CAPTION // 2), caption, fill=(230, 230, 230), font=font, anchor="lm")
        top = CAPTION
        for row in rows:
            canvas.paste(PILImage.fromarray(row[i]), (left, top))
            top += row[i].shape[0] + GAP
        left += widths[i] + GAP
    return np.asarray(canvas, dtype=np.uint8)


def depth_tile(depth: InverseDepth, low: float, high: float) -> Picture:
    """Return one depth map as previews show it, RGB (H', W', 3), uint8, long side `TILE`.

    Parameters
    ----------
    depth
        Inverse depth (H, W).
    low, high
        Values of the farthest and the nearest colour.
    """
    return color_depth(_fit(_unknown_as_nan(depth)), low, high)


def panel_tiles(panel: Picture, size: tuple[int, int]) -> dict[str, Picture]:
    """Take the upper row of a preview apart again.

    Parameters
    ----------
    panel
        What `refinement_panel` or `prediction_panel` returned.
    size
        Width and height of its photo.

    Returns
    -------
    dict
        `photo`, `mask`, `before`, `after`, `change` of a refinement, `photo`, `after` of a
        prediction; empty where the panel is none of a photo of this size.
    """
    scale = TILE / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    for names in (("photo", "mask", "before", "after", "change"), ("photo", "after")):
        column, rest = divmod(panel.shape[1] - GAP * (len(names) + 1), len(names))
        if rest == 0 and column >= width and panel.shape[0] >= CAPTION + height + GAP:
            starts = [GAP + i * (column + GAP) for i in range(len(names))]
            rows = slice(CAPTION, CAPTION + height)
            tiles = [panel[rows, start : start + width] for start in starts]
            return dict(zip(names, tiles, strict=True))
    return {}
