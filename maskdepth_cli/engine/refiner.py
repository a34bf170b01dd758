"""Layered refinement of one depth map with masks (paper section 3.2, Eq. 1 to 3). Arrays only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from maskdepth_cli.engine.beyond import Part, continue_foreground, settle
from maskdepth_cli.engine.compositing import Layers, composite
from maskdepth_cli.engine.guides import Guide, Scene, View
from maskdepth_cli.engine.inputs import as_depth, as_mask, as_photo, check_mask, check_sizes
from maskdepth_cli.engine.instances import RunningMerge, instance_masks, large_enough
from maskdepth_cli.engine.mask_edges import EdgeVotes, own_edges
from maskdepth_cli.engine.passes import LayerPair, Passes
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.engine.windows import EVERYWHERE
from maskdepth_cli.engine.wrapping import joined_result, settings_for_widened, widened
from maskdepth_cli.types import InstanceMap, InverseDepth, Mask, Photo

_HELD_PIXELS = 1 << 24  # of masks at full size, while they wait for their layers


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
        self._passes = Passes(network, self.settings)
        self.network, self.device = self._passes.network, self._passes.device
        self.dtype = self._passes.dtype  # that the network computes with; None: float32
        self.layered = self._passes.layered

    def refine(self, image: Photo, depth: InverseDepth, mask: Mask) -> RefinedDepth:
        """Refine with one mask.

        Parameters
        ----------
        image : Photo
            (H, W, 3) RGB in [0, 1], or uint8 or uint16; more in `as_photo`.
        depth : InverseDepth
            (H, W) in any units; scale and offset are kept. NaN and infinite pixels stay as they
            are and do not influence others.
        mask : Mask
            (H, W) in [0, 1], hard or soft; more in `as_mask`. One that covers no more than
            ``min_instance_share``, where that is set, changes nothing.

        Returns
        -------
        RefinedDepth
            An empty or full mask, or a constant depth, gives the input back. The depth does not
            depend on whether layers are wanted (``RefineSettings.layers``).

        Raises
        ------
        ArrayError
            A shape, a type or a value is none of these, or the sizes differ.
        """
        return self.refine_many([(image, depth, mask)])[0]

    def refine_many(self, photos: Sequence[tuple[Photo, InverseDepth, Mask]]) -> list[RefinedDepth]:
        """Refine several photos, each with one mask, as `refine` does; they share batches.

        Parameters
        ----------
        photos : sequence of tuple
            ``(image, depth, mask)``, of any sizes.
        """
        wanted = [(as_photo(i), as_depth(d), as_mask(m)) for i, d, m in photos]
        if self.settings.wrap:
            return self._refine_wrapped(wanted)
        scenes = [self._scene(image, depth) for image, depth, _ in wanted]
        guides = [
            self._guide(scene if self._counts(mask) else None, depth, mask)
            for scene, (_, depth, mask) in zip(scenes, wanted, strict=True)
        ]
        layers = self._layers(guides, scenes)
        results = []
        for index, (guide, (_, depth, mask)) in enumerate(zip(guides, wanted, strict=True)):
            refined = RefinedDepth.unchanged(depth, mask.copy(), layers=self.settings.layers)
            near = np.zeros(depth.shape, np.float32) if self._continues(guide) else None
            for part in self._parts(depth, guide, layers.get(index), merges=False):
                refined.depth[part.place] = part.refined.depth
                refined.changed[part.place] = part.refined.changed
                if part.refined.own_edges:
                    refined.mask[part.place] = part.refined.mask
                    refined = replace(refined, own_edges=True)
                if self.settings.layers:
                    refined.foreground[part.place] = part.refined.foreground
                    refined.background[part.place] = part.refined.background
                if near is not None and part.near is not None:
                    near[part.place] = part.near
            if near is not None:
                self._continue(refined, near, depth, scenes[index])
            results.append(settle(refined) if self.settings.layers else refined)
        return results

    def refine_instances(
        self, image: Photo, depth: InverseDepth, instances: InstanceMap | Iterable[Mask]
    ) -> RefinedDepth:
        """Refine with every instance of a map, or with several masks, merged pixel by pixel.

        Parameters
        ----------
        image, depth
            As for `refine`.
        instances : InstanceMap or iterable of Mask
            (H, W) ids, 0 = none; or masks, one after the other or (N, H, W). Those above
            ``min_instance_share`` count.

        Raises
        ------
        ArrayError
            As for `refine`.
        """
        masks = instance_masks(instances, self.settings.min_instance_share)
        image, depth = as_photo(image), as_depth(depth)
        if self.settings.wrap:
            return self._refine_instances_wrapped(image, depth, masks)
        merge = RunningMerge(depth, self.settings.merge, layers=self.settings.layers)
        scene = self._scene(image, depth)
        guides = (self._guide(scene, depth, mask) for mask in masks)
        count, known = 0, None
        for group in self._groups(guides):
            layers = self._each(group)
            for index, guide in enumerate(group):
                for part in self._parts(depth, guide, layers.get(index), merges=True):
                    merge.add(part)
            count += len(group)
            # Of a single mask that was seen with the whole image its foreground is known.
            alone = count == 1 and not self._continues(group[0])
            known = (group[0], layers.get(0)) if alone else None
        if merge.near is None:
            return merge.result
        if known:
            parts = self._parts(depth, *known, merges=False)
            continue_foreground(merge.result, merge.near, parts)
        elif count:
            self._continue(merge.result, merge.near, depth, scene)
        return settle(merge.result)

    def _layers(self, guides: Sequence[Guide], scenes: Sequence[Scene | None]) -> dict[int, Layers]:
        """Layers of photos with one mask each."""
        return self._each(guides)

    def _each(self, guides: Sequence[Guide]) -> dict[int, Layers]:
        """Layers of masks that have nothing to do with each other."""
        pairs = self._passes.layers(guides)
        return {
            index: self._with_edges(guide.view, pairs[index], EdgeVotes())
            for index, guide in enumerate(guides)
            if guide.view is not None
        }

    def _with_edges(self, view: View, pair: LayerPair, votes: EdgeVotes) -> Layers:
        """Decide where the given depth's own edges are kept."""
        place, how = view.window.small, self.settings.mask_edges
        kept = own_edges(
            view.scene.scaled.small[place],
            pair,
            view.mask,
            view.scene.rgb[place],
            how if self.settings.keep == "band" else "exact",
            votes,
        )
        return Layers(*pair, kept)

    def _refine_wrapped(
        self, photos: Sequence[tuple[Photo, InverseDepth, Mask]]
    ) -> list[RefinedDepth]:
        for image, depth, mask in photos:
            check_sizes(image, depth)
            check_mask(depth, mask)
        wide = self._for_widened().refine_many(
            [
                (widened(i), widened(d), widened(m if self._counts(m) else np.zeros_like(m)))
                for i, d, m in photos
            ]
        )
        return [
            joined_result(one, depth, mask, layers=self.settings.layers)
            for one, (_, depth, mask) in zip(wide, photos, strict=True)
        ]

    def _refine_instances_wrapped(
        self, image: Photo, depth: InverseDepth, masks: Iterable[Mask]
    ) -> RefinedDepth:
        check_sizes(image, depth)

        def wide_masks() -> Iterator[Mask]:
            for mask in masks:
                check_mask(depth, mask)
                yield widened(mask)

        wide = self._for_widened().refine_instances(widened(image), widened(depth), wide_masks())
        return joined_result(wide, depth, layers=self.settings.layers)

    def _for_widened(self) -> Refiner:
        """Return this refiner for panoramas with a part of the other end on both sides."""
        other = copy(self)  # with the same network, where it is
        other.settings = settings_for_widened(self.settings)
        return other

    def _counts(self, mask: Mask) -> bool:
        return large_enough(mask, self.settings.min_instance_share)

    def _continues(self, guide: Guide) -> bool:
        """Whether a foreground is wanted beyond what the network sees for a mask."""
        return self.settings.layers and not guide.sees_all

    def _continue(
        self,
        refined: RefinedDepth,
        near: NDArray[np.float32],
        depth: InverseDepth,
        scene: Scene | None,
    ) -> None:
        """Complete the foreground of all masks over the whole image, in one pass."""
        guide = Guide.of(scene, refined.mask, windows=False)
        pair = self._passes.layers([guide], both=False).get(0)
        layers = None if pair is None else Layers(*pair)
        continue_foreground(refined, near, self._parts(depth, guide, layers, merges=False))

    def _scene(self, image: Photo, depth: InverseDepth) -> Scene | None:
        check_sizes(image, depth)
        return Scene.of(image, depth, self.settings.working_size, self.settings.whole_range)

    def _guide(self, scene: Scene | None, depth: InverseDepth, mask: Mask) -> Guide:
        check_mask(depth, mask)
        windows = self.settings.windows and self.settings.keep == "band"
        return Guide.of(scene, mask, windows=windows)

    def _parts(
        self, depth: InverseDepth, guide: Guide, layers: Layers | None, *, merges: bool
    ) -> Iterator[Part]:
        """Yield what a mask makes of parts of the image."""
        view = guide.view
        if view is None or layers is None:
            idle = RefinedDepth.unchanged(depth, guide.mask, layers=False)
            yield Part(EVERYWHERE, idle, np.zeros_like(depth))
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

    def _groups(self, guides: Iterable[Guide]) -> Iterator[list[Guide]]:
        """Gather as many masks as may share a batch, or as memory allows."""
        group: list[Guide] = []
        for guide in guides:
            group.append(guide)
            held = sum(one.mask.size for one in group)
            if len(group) == self.settings.batch_size or held > _HELD_PIXELS:
                yield group
                group = []
        if group:
            yield group
