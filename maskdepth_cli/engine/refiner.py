"""Layered refinement of one depth map with masks (paper section 3.2, Eq. 1 to 3). Arrays only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from maskdepth_cli.arrays import resize, resize_photo
from maskdepth_cli.engine.compositing import composite
from maskdepth_cli.engine.instances import RunningMerge, instance_masks
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.runtime import (
    autocast,
    items_at_once,
    pick_device,
    pick_precision,
    place_network,
)
from maskdepth_cli.engine.scaling import Scaled, scale, working_size
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.engine.windows import EVERYWHERE, Place, Window, whole_image, window_around
from maskdepth_cli.networks.config import STRIDE
from maskdepth_cli.networks.refinement import DEPTH_RANGE
from maskdepth_cli.types import Image, InstanceMap, InverseDepth, Mask, Photo

_HELD_PIXELS = 1 << 24  # of masks at full size, while they wait for their layers

LayerPair = tuple[InverseDepth, InverseDepth]  # foreground and background of a window


@dataclass(frozen=True)
class _Scene:
    """A photo and its depth at working size."""

    rgb: Image  # (h, w, 3)
    scaled: Scaled


@dataclass(frozen=True)
class _View:
    """What the network sees of a scene for one mask."""

    scene: _Scene
    window: Window
    mask: Mask  # of the window, at working size


@dataclass(frozen=True)
class _Guide:
    """A mask on its way through the network; without a view there is nothing to refine."""

    mask: Mask  # of the window, at full size
    view: _View | None = None


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
        self.dtype = pick_precision(self.settings.precision, self.device, rounds=True)
        self.network = place_network(network, self.device, compiled=self.settings.compiled)
        config = getattr(network, "config", None)
        self.layered = config is None or config.layered

    def refine(self, image: Photo, depth: InverseDepth, mask: Mask) -> RefinedDepth:
        """Refine with one mask.

        Parameters
        ----------
        image : Photo
            (H, W, 3) RGB in [0, 1], or uint8 or uint16.
        depth : InverseDepth
            (H, W) in any units; scale and offset are kept. NaN and infinite pixels stay as they
            are and do not influence others.
        mask : Mask
            (H, W) in [0, 1], hard or soft.

        Returns
        -------
        RefinedDepth
            An empty or full mask, or a constant depth, gives the input back. Without layers
            (``RefineSettings.layers``) a mask that is small is refined within a window around it,
            as those of `refine_instances` are.

        Raises
        ------
        ValueError
            The shapes do not agree.
        """
        return self.refine_many([(image, depth, mask)])[0]

    def refine_many(self, photos: Sequence[tuple[Photo, InverseDepth, Mask]]) -> list[RefinedDepth]:
        """Refine several photos, each with one mask, as `refine` does; they share batches.

        Parameters
        ----------
        photos : sequence of tuple
            ``(image, depth, mask)``, of any sizes.
        """
        wanted = [(i, np.asarray(d, np.float32), np.asarray(m, np.float32)) for i, d, m in photos]
        windows = self._windows and not self.settings.layers  # layers reach over all the image
        guides = [
            self._guide(self._scene(image, depth), depth, mask, windows=windows)
            for image, depth, mask in wanted
        ]
        layers = self._layers(guides)
        results = []
        for index, (guide, (_, depth, mask)) in enumerate(zip(guides, wanted, strict=True)):
            refined = RefinedDepth.unchanged(depth, mask, layers=self.settings.layers)
            for place, part in self._parts(depth, guide, layers.get(index), merges=False):
                refined.depth[place] = part.depth
                refined.changed[place] = part.changed
                if self.settings.layers:
                    refined.foreground[place] = part.foreground
                    refined.background[place] = part.background
            results.append(refined)
        return results

    def refine_instances(
        self, image: Photo, depth: InverseDepth, instances: InstanceMap | Sequence[Mask]
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
        depth = np.asarray(depth, np.float32)
        merge = RunningMerge(depth, self.settings.merge, layers=self.settings.layers)
        scene = self._scene(image, depth)
        guides = (self._guide(scene, depth, mask, windows=self._windows) for mask in masks)
        first = True
        for group in self._groups(guides):
            layers = self._layers(group)
            for index, guide in enumerate(group):
                for place, part in self._parts(depth, guide, layers.get(index), merges=True):
                    merge.add(part, place, first=first)
                first = False
        return merge.result

    @property
    def _windows(self) -> bool:
        return self.settings.windows and self.settings.keep == "band"

    def _scene(self, image: Photo, depth: InverseDepth) -> _Scene | None:
        """Bring a photo to working size; None where its depth is constant or unknown."""
        if image.shape != (*depth.shape, 3):
            raise ValueError(f"image {image.shape} and depth {depth.shape} differ in size")
        size = working_size(depth.shape, self.settings.working_size)
        scaled = scale(depth, size)
        return None if scaled is None else _Scene(resize_photo(image, size, "area"), scaled)

    def _guide(
        self, scene: _Scene | None, depth: InverseDepth, mask: Mask, *, windows: bool
    ) -> _Guide:
        if mask.shape != depth.shape:
            raise ValueError(f"mask {mask.shape} and depth {depth.shape} differ in size")
        if scene is None or mask.max() <= 0 or mask.min() >= 1:
            return _Guide(mask)
        size = scene.scaled.small.shape
        small = resize(mask, size, "area")
        windows &= bool(small.max() > 0)  # not so where the mean of a tiny alpha underflows
        window = window_around(small, mask.shape) if windows else whole_image(size, mask.shape)
        if window.whole:
            return _Guide(mask, _View(scene, window, small))
        return _Guide(mask[window.full].copy(), _View(scene, window, small[window.small]))

    def _parts(
        self, depth: InverseDepth, guide: _Guide, layers: LayerPair | None, *, merges: bool
    ) -> Iterator[tuple[Place, RefinedDepth]]:
        """Yield what a mask makes of parts of the image, with their places."""
        view = guide.view
        if view is None or layers is None:
            yield EVERYWHERE, RefinedDepth.unchanged(depth, guide.mask, layers=False)
            return
        yield from composite(
            depth,
            view.scene.scaled,
            guide.mask,
            view.mask,
            layers,
            view.window,
            self.settings,
            merges=merges,
        )

    def _groups(self, guides: Iterable[_Guide]) -> Iterator[list[_Guide]]:
        """Gather as many masks as may share a batch, or as memory allows."""
        group: list[_Guide] = []
        for guide in guides:
            group.append(guide)
            held = sum(one.mask.size for one in group)
            if len(group) == self.settings.batch_size or held > _HELD_PIXELS:
                yield group
                group = []
        if group:
            yield group

    def _layers(self, guides: Sequence[_Guide]) -> dict[int, LayerPair]:
        """Both layers of every mask, (h, w) in [0, 10]; windows of one size share batches."""
        shapes: dict[tuple[int, ...], dict[int, _View]] = {}
        for index, guide in enumerate(guides):
            if guide.view is not None:
                shapes.setdefault(guide.view.mask.shape, {})[index] = guide.view
        layers: dict[int, LayerPair] = {}
        for views in shapes.values():
            layers |= zip(views, self._run(list(views.values())), strict=True)
        return layers

    def _run(self, views: Sequence[_View]) -> list[LayerPair]:
        """Both layers of masks with windows of one size."""

        def batch(arrays: Iterable[Mask | Image]) -> torch.Tensor:
            return torch.from_numpy(np.stack(list(arrays))).to(self.device)

        mask = batch(view.mask for view in views)[:, None]
        depth = batch(view.scene.scaled.small[view.window.small] for view in views)[:, None]
        colour = batch(view.scene.rgb[view.window.small] for view in views)
        colour = colour.permute(0, 3, 1, 2)  # (N, 3, h, w)
        if self.layered:  # both passes
            mask, depth = torch.cat([mask, 1 - mask]), torch.cat([depth, depth])
            colour = torch.cat([colour, colour])
        step = items_at_once(self.device, mask.shape[-2:])
        parts = []
        # oneDNN's bfloat16 reads beyond what is one pixel wide at the coarsest level (torch 2.13).
        dtype = self.dtype if mask.shape[-1] > STRIDE else None
        with torch.inference_mode(), autocast(self.device, dtype):
            for inputs in zip(*(x.split(step) for x in (depth, mask, colour)), strict=True):
                # The initial range bounds layers: no negative inverse depth from a residual.
                parts.append(self.network(*inputs).float().clamp(0, DEPTH_RANGE).cpu())
        arrays = torch.cat(parts).numpy()[:, 0]
        foreground = arrays[: len(views)]
        background = arrays[len(views) :] if self.layered else foreground
        return list(zip(foreground, background, strict=True))
