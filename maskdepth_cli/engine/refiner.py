"""Layered refinement of one depth map with masks (paper section 3.2, Eq. 1 to 3). Arrays only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from maskdepth_cli.engine.instances import instance_masks, merge_instances
from maskdepth_cli.engine.keep import keep_weight
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.runtime import autocast, pick_device, pick_precision
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.networks.completion import push_pull
from maskdepth_cli.networks.refinement import DEPTH_RANGE, STRIDE
from maskdepth_cli.types import Image, InstanceMap, InverseDepth, Mask


@dataclass(frozen=True)
class _Scaled:
    """The initial depth without gaps in [0, 10], and the map back."""

    depth: InverseDepth  # (H, W)
    small: InverseDepth  # (h, w) at working size
    unit: float  # of the caller's units per 1/10 of the range


class Refiner:
    """Refines inverse depth with masks: arrays in, arrays out.

    Parameters
    ----------
    network : nn.Module
        ``network(depth, mask, rgb) -> layer``, see `RefinementNetwork`. A network whose
        ``config.layered`` is False gives the composite in one pass (direct-composite).
    settings : RefineSettings
        Working size, keep band, batch size, device and precision.

    Raises
    ------
    UsageError
        The device or the precision cannot be had here.
    """

    def __init__(self, network: nn.Module, settings: RefineSettings | None = None) -> None:
        self.settings = settings or RefineSettings()
        self.device = pick_device(self.settings.device)
        self.dtype = pick_precision(self.settings.precision, self.device)
        self.network = network.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        config = getattr(network, "config", None)
        self.layered = config is None or config.layered

    def refine(self, image: Image, depth: InverseDepth, mask: Mask) -> RefinedDepth:
        """Refine with one mask.

        Parameters
        ----------
        image : Image
            (H, W, 3) in [0, 1].
        depth : InverseDepth
            (H, W) in any units; scale and offset are kept. NaN and infinite pixels stay as they
            are and do not influence others.
        mask : Mask
            (H, W) in [0, 1], hard or soft.

        Returns
        -------
        RefinedDepth
            An empty or full mask, or a constant depth, gives the input back.

        Raises
        ------
        ValueError
            The shapes do not agree.
        """
        return next(self._refine_each(image, depth, iter([np.asarray(mask, np.float32)])))

    def refine_instances(
        self, image: Image, depth: InverseDepth, instances: InstanceMap | Sequence[Mask]
    ) -> RefinedDepth:
        """Refine with every instance of a map, or with several masks, merged pixel by pixel.

        Parameters
        ----------
        image, depth
            As for `refine`.
        instances : InstanceMap or sequence of Mask
            (H, W) ids, 0 = none, instances above ``min_instance_share``; or masks.
        """
        masks = instance_masks(instances, self.settings.min_instance_share)
        results = self._refine_each(image, depth, masks)
        return merge_instances(depth, results, self.settings.merge)

    def _refine_each(
        self, image: Image, depth: InverseDepth, masks: Iterator[Mask]
    ) -> Iterator[RefinedDepth]:
        depth = np.asarray(depth, np.float32)
        if image.shape != (*depth.shape, 3):
            raise ValueError(f"image {image.shape} and depth {depth.shape} differ in size")
        size = working_size(depth.shape, self.settings.working_size)
        scaled = _scale(depth, size)
        rgb = None if scaled is None else resize(np.asarray(image, np.float32), size)
        while group := list(islice(masks, self.settings.batch_size)):
            if wrong := [mask.shape for mask in group if mask.shape != depth.shape]:
                raise ValueError(f"mask {wrong[0]} and depth {depth.shape} differ in size")
            if scaled is None or rgb is None:
                yield from (RefinedDepth.unchanged(depth, mask) for mask in group)
                continue
            useful = [mask for mask in group if mask.max() > 0 and mask.min() < 1]
            layers = iter(self._layers(rgb, scaled, [resize(mask, size) for mask in useful]))
            for mask in group:
                if mask.max() <= 0 or mask.min() >= 1:
                    yield RefinedDepth.unchanged(depth, mask)
                else:
                    yield self._composite(depth, scaled, mask, *next(layers))

    def _layers(
        self, rgb: Image, scaled: _Scaled, masks: list[Mask]
    ) -> list[tuple[InverseDepth, InverseDepth]]:
        """Both layers of every mask at working size, (h, w) in [0, 10], in one batch."""
        if not masks:
            return []
        mask = torch.from_numpy(np.stack(masks)[:, None]).to(self.device)  # (N, 1, h, w)
        if self.layered:
            mask = torch.cat([mask, 1 - mask])
        items = mask.shape[0]
        depth = torch.from_numpy(scaled.small).to(self.device).expand(items, 1, -1, -1)
        colour = torch.from_numpy(rgb.transpose(2, 0, 1)).to(self.device).expand(items, -1, -1, -1)
        with torch.inference_mode(), autocast(self.device, self.dtype):
            layers: Tensor = self.network(depth, mask, colour)
        # The initial range bounds every layer: no negative inverse depth from a residual.
        arrays = layers.float().clamp(0, DEPTH_RANGE).cpu().numpy()[:, 0]
        foreground = arrays[: len(masks)]
        background = arrays[len(masks) :] if self.layered else foreground
        return list(zip(foreground, background, strict=True))

    def _composite(
        self,
        depth: InverseDepth,
        scaled: _Scaled,
        mask: Mask,
        foreground: InverseDepth,
        background: InverseDepth,
    ) -> RefinedDepth:
        """Composite at full resolution: ``M D1 + (1-M) D2`` inside the keep band (Eq. 3)."""
        front, back = self._correction(scaled, foreground), self._correction(scaled, background)
        correction = back + mask * (front - back)
        if self.settings.keep == "band":
            small_mask = resize(mask, foreground.shape)
            small_change = np.abs(
                small_mask * foreground + (1 - small_mask) * background - scaled.small
            )
            weight = resize(
                keep_weight(
                    small_mask,
                    small_change > self.settings.keep_threshold * DEPTH_RANGE,
                    self.settings.keep_dilation,
                ),
                depth.shape,
            )
            correction *= weight
            # A layer keeps the caller's values in its own region, and is whole beyond it.
            front *= 1 - mask * (1 - weight)
            back *= 1 - (1 - mask) * (1 - weight)
            changed = weight > 0
        else:
            changed = np.ones(depth.shape, np.bool_)
        unknown = ~np.isfinite(depth)
        changed &= ~unknown
        known = np.where(unknown, 0, depth)

        def restored(correction: InverseDepth) -> InverseDepth:
            return np.where(unknown, depth, known + correction * np.float32(scaled.unit))

        return RefinedDepth(restored(correction), restored(front), restored(back), mask, changed)

    def _correction(self, scaled: _Scaled, layer: InverseDepth) -> InverseDepth:
        """Full-resolution correction that turns the initial depth into the layer.

        The layer's correction is upsampled rather than its values, so that the input's own detail
        stays; where the correction is large the detail belongs to what was wrong, and goes too.
        """
        if layer.shape == scaled.depth.shape:
            return layer - scaled.depth
        correction = resize(layer - scaled.small, scaled.depth.shape)
        detail = scaled.depth - resize(scaled.small, scaled.depth.shape)
        limit = self.settings.keep_threshold * DEPTH_RANGE
        return correction - detail * np.minimum(np.abs(correction) / limit, 1)


def working_size(shape: tuple[int, ...], longest: int) -> tuple[int, int]:
    """Size at which layers are predicted: at most ``longest``, then multiples of 32.

    An image that is already small enough keeps its own size; the network pads it.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    longest : int
        Bound of the long side.

    Returns
    -------
    tuple of int
        Height and width.
    """
    height, width = shape[:2]
    if max(height, width) <= longest:
        return height, width
    scale = longest / max(height, width)
    return tuple(max(round(side * scale / STRIDE), 1) * STRIDE for side in (height, width))  # type: ignore[return-value]


def resize(array: Image, shape: tuple[int, ...]) -> Image:
    """Resize to (height, width): area average when shrinking, bilinear when growing."""
    if array.shape[:2] == tuple(shape[:2]):
        return array
    shrinks = array.shape[0] * array.shape[1] > shape[0] * shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: Image = cv2.resize(array, (shape[1], shape[0]), interpolation=interpolation)
    return resized


def _scale(depth: InverseDepth, size: tuple[int, int]) -> _Scaled | None:
    """Bring the known depth to [0, 10] and fill its gaps; None where it is constant or unknown."""
    known = np.isfinite(depth)
    if not known.any():
        return None
    low, high = (
        float(depth.min(where=known, initial=np.inf)),
        float(depth.max(where=known, initial=-np.inf)),
    )
    unit = (high - low) / DEPTH_RANGE
    if not unit > 0:
        return None
    scaled = (np.where(known, depth, np.float32(low)) - np.float32(low)) / np.float32(unit)
    if not known.all():
        filled = push_pull(
            torch.from_numpy(scaled)[None, None], torch.from_numpy(known)[None, None].float()
        )
        scaled = filled[0, 0].numpy()
    return _Scaled(scaled, resize(scaled, size), unit)
