"""Samples for a SIDE network: crops of RGB-D frames, spoilt as photos differ from renderings.

A sample is a pure function of the seed and its index; all samples of a batch share one shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdepth_cli.training.sources import FrameFolder, TrainingFrame

Rgb = NDArray[np.uint8]  # (H, W, 3)
Depth = NDArray[np.float32]  # (H, W) inverse depth
DEFOCUS_LEVELS = (1.0, 2.0, 4.0)  # blur sigmas between which defocus interpolates, pixels


@dataclass(frozen=True)
class SideDataSettings:
    """What a sample is made of."""

    shapes: tuple[tuple[int, int], ...] = ((224, 288), (256, 256), (288, 224))  # height, width
    crop: tuple[float, float] = (0.6, 1.0)  # share of the largest crop of the shape's aspect
    paste_share: float = 0.25  # an instance of another frame set before the scene, as in portraits
    paste_height: tuple[float, float] = (0.4, 1.2)  # of the crop's height
    defocus_share: float = 0.4  # shallow depth of field with the nearer part in focus
    jpeg_share: float = 0.4
    gray_share: float = 0.1
    noise_share: float = 0.3
    blur_share: float = 0.15
    jitter: float = 0.4  # brightness, contrast and saturation by 1 +- this
    hue: float = 15.0  # largest rotation of hues, degrees
    gamma: tuple[float, float] = (0.6, 1.6)


class SideSample(NamedTuple):
    """One crop: (3, H, W) in [0, 1] and (1, H, W) inverse depth of any scale."""

    rgb: NDArray[np.float32]
    depth: Depth


class SideBatch(NamedTuple):
    """Crops stacked: (B, 3, H, W) and (B, 1, H, W)."""

    rgb: Tensor
    depth: Tensor

    def to(self, device: torch.device) -> SideBatch:
        """Move both tensors."""
        return SideBatch(*(tensor.to(device, non_blocking=True) for tensor in self))

    def named(self) -> dict[str, Tensor]:
        """Return the tensors by the names of the fields."""
        return self._asdict()


def draw_side_sample(
    frames: FrameFolder, data: SideDataSettings, seed: int, index: int, batch_size: int
) -> SideSample:
    """Draw the sample of an index.

    Parameters
    ----------
    frames
        Every one is equally likely.
    data
        Shares and ranges.
    seed, index
        The only sources of randomness.
    batch_size
        Consecutive indices that share one shape.
    """
    height, width = _choose(data.shapes, np.random.default_rng((seed, 1, index // batch_size)))
    rng = np.random.default_rng((seed, 0, index))
    rgb, depth = _crop(_draw_frame(frames, rng), data, (height, width), rng)
    if rng.random() < data.paste_share:
        rgb, depth = _paste(rgb, depth, _draw_frame(frames, rng), data, rng)
    if rng.random() < data.defocus_share:
        focus = float(np.quantile(depth[::4, ::4], rng.uniform(0.6, 1.0)))
        rgb = defocus(rgb, depth, focus, strength=rng.uniform(2, 6))
    image = photometric(rgb, data, rng)
    return SideSample(np.ascontiguousarray(image.transpose(2, 0, 1)), depth[None])


def collate_side(samples: Sequence[SideSample]) -> SideBatch:
    """Stack samples of one shape."""
    return SideBatch(*(torch.from_numpy(np.stack(arrays)) for arrays in zip(*samples, strict=True)))


def defocus(rgb: Rgb, depth: Depth, focus: float, strength: float) -> Rgb:
    """Blur by the distance to the plane in focus, as a lens does (thin-lens: linear in disparity).

    Parameters
    ----------
    rgb, depth
        (H, W, 3) and (H, W) inverse depth.
    focus
        Inverse depth in focus.
    strength
        Blur (sigma, pixels) at the far end of the range; the strongest level is 4.
    """
    sigma = np.abs(depth - focus) * (strength / max(float(np.ptp(depth)), 1e-9))
    # Smoothed, so that the blurred region's seam is as soft as its content.
    sigma = cv2.GaussianBlur(sigma.astype(np.float32), (0, 0), 1.5)
    result, lower = rgb.astype(np.float32), 0.0
    for level in DEFOCUS_LEVELS:  # each level takes over where sigma exceeds the one below
        blurred = cv2.GaussianBlur(rgb, (0, 0), level)
        share = np.clip((sigma - lower) / (level - lower), 0, 1)[..., None]
        result, lower = result + share * (blurred - result), level
    return np.rint(result).astype(np.uint8)


def photometric(rgb: Rgb, data: SideDataSettings, rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur, gamma, hue, saturation, contrast, brightness, grayscale, noise and JPEG.

    Returns
    -------
    ndarray
        (H, W, 3) float32 in [0, 1].
    """
    image = rgb.astype(np.float32) / 255
    if rng.random() < data.blur_share:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.5))
    image = image ** np.float32(np.exp(rng.uniform(*np.log(data.gamma))))
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-data.hue, data.hue)) % 360
    image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    brightness, contrast, saturation = rng.uniform(1 - data.jitter, 1 + data.jitter, 3)
    if rng.random() < data.gray_share:
        saturation = 0.0
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    image = gray[..., None] + (image - gray[..., None]) * np.float32(saturation)
    image = (image - gray.mean()) * contrast + gray.mean() * brightness
    if rng.random() < data.noise_share:
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        image = image + noise * rng.uniform(0.005, 0.05)
    clipped = np.clip(image, 0, 1).astype(np.float32)
    if rng.random() < data.jpeg_share:
        return _jpeg(clipped, int(rng.integers(30, 95)))
    return clipped


def _draw_frame(frames: FrameFolder, rng: np.random.Generator) -> TrainingFrame:
    return frames.draw(rng)


def _crop(
    frame: TrainingFrame, data: SideDataSettings, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[Rgb, Depth]:
    """Cut a window of the shape's aspect, flip it by a fair coin, resize it."""
    height, width = frame.depth.shape
    scale = min(height / shape[0], width / shape[1]) * rng.uniform(*data.crop)
    rows, columns = (max(round(side * scale), 1) for side in shape)
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    window = np.s_[top : top + rows, left : left + columns]
    flip = -1 if rng.random() < 0.5 else 1
    return _resize(frame.rgb[window][:, ::flip], frame.depth[window][:, ::flip], shape)


def _resize(rgb: Rgb, depth: Depth, shape: tuple[int, int]) -> tuple[Rgb, Depth]:
    """Resize colour smoothly and depth by nearest neighbour: a mean of two surfaces is no depth."""
    smaller = shape[0] < rgb.shape[0]
    colour = cv2.resize(
        np.ascontiguousarray(rgb),
        shape[::-1],
        interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR,
    )
    nearest = cv2.resize(
        np.ascontiguousarray(depth), shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT
    )
    return colour.astype(np.uint8), nearest.astype(np.float32)


def _paste(
    rgb: Rgb, depth: Depth, other: TrainingFrame, data: SideDataSettings, rng: np.random.Generator
) -> tuple[Rgb, Depth]:
    """Set an instance of another frame before the scene, cut by the lower border or near it."""
    found = _draw_instance(other, rng)
    if found is None:
        return rgb, depth
    mask, window = found
    height, width = depth.shape
    rows = max(round(rng.uniform(*data.paste_height) * height), 8)
    columns = max(round(mask.shape[1] * rows / mask.shape[0]), 1)
    if columns > 1.5 * width:
        return rgb, depth
    object_rgb, object_depth = _resize(other.rgb[window], other.depth[window], (rows, columns))
    object_mask = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_LINEAR)
    top = height - round(rows * rng.uniform(0.6, 1.1))
    left = round(rng.uniform(-columns / 3, width - columns * 2 / 3))
    into = np.s_[max(top, 0) : min(top + rows, height), max(left, 0) : min(left + columns, width)]
    origin_y, origin_x = into[0].start - top, into[1].start - left
    size_y, size_x = into[0].stop - into[0].start, into[1].stop - into[1].start
    if size_y <= 0 or size_x <= 0:
        return rgb, depth
    source = np.s_[origin_y : origin_y + size_y, origin_x : origin_x + size_x]
    alpha = object_mask[source]
    inside = alpha > 0.5
    if not inside.any():
        return rgb, depth
    rgb, depth = rgb.copy(), depth.copy()
    relief = object_depth[source]
    nearest_behind = max(float(depth[into][inside].max()), float(depth.max()) * 0.3)
    scale = nearest_behind * rng.uniform(1.05, 2.0) / max(float(relief[inside].min()), 1e-6)
    rgb[into] = np.rint(
        alpha[..., None] * object_rgb[source] + (1 - alpha[..., None]) * rgb[into]
    ).astype(np.uint8)
    depth[into] = np.where(inside, relief * scale, depth[into])
    return rgb, depth


def _draw_instance(
    frame: TrainingFrame, rng: np.random.Generator
) -> tuple[NDArray[np.float32], tuple[slice, slice]] | None:
    """Draw one instance that the frame's sides and top do not cut: its mask in its box, the box."""
    instances = frame.instances
    if instances is None:
        return None
    ids, counts = np.unique(instances[instances > 0], return_counts=True)
    shares = counts / instances.size
    fits = ids[(shares > 0.02) & (shares < 0.25)]
    if not len(fits):
        return None
    mask = instances == rng.choice(fits)
    if mask[0].any() or mask[:, 0].any() or mask[:, -1].any():
        return None
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    window = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    if frame.depth[window][mask[window]].min() <= 0:
        return None
    return mask[window].astype(np.float32), window


def _choose(shapes: Sequence[tuple[int, int]], rng: np.random.Generator) -> tuple[int, int]:
    height, width = shapes[int(rng.integers(len(shapes)))]
    return height, width


def _jpeg(image: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    pixels = np.rint(image * 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.float32) / np.float32(255)
