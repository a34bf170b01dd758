"""The network's passes: layers of many masks in few batches (paper section 3.2, Eq. 1 and 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdepth_cli.engine.guides import Guide, View
from maskdepth_cli.engine.runtime import (
    autocast,
    items_at_once,
    pick_device,
    pick_precision,
    place_network,
)
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.networks.config import DEPTH_RANGE, STRIDE
from maskdepth_cli.networks.layers import without_norms
from maskdepth_cli.networks.trust import TrustNetwork
from maskdepth_cli.types import Image, InverseDepth, Mask

Maps = NDArray[np.float32]  # (C, h, w): a layer, and how far it was seen
LayerPair = tuple[InverseDepth, InverseDepth]  # foreground and background of a window


class Passes:
    """A network where it runs.

    Parameters
    ----------
    network : nn.Module
        As `Refiner` takes it.
    settings : RefineSettings
        Device, precision, whether it is compiled.

    Raises
    ------
    UsageError
        The device or the precision cannot be had here.
    """

    def __init__(self, network: torch.nn.Module, settings: RefineSettings) -> None:
        self.device = pick_device(settings.device)
        self.dtype = pick_precision(settings.precision, self.device, rounds=True)
        folded = without_norms(network.eval())
        self.network = place_network(folded, self.device, compiled=settings.compiled)
        config = getattr(network, "config", None)
        self.layered = config is None or config.layered
        self._trusts = isinstance(network, TrustNetwork)

    def layers(self, guides: Sequence[Guide], *, both: bool = True) -> dict[int, LayerPair]:
        """Both layers of every mask, (h, w) in [0, 10]; windows of one size share batches.

        Parameters
        ----------
        guides : sequence of Guide
            Those without a view are left out.
        both : bool
            False: foregrounds only, in one pass; they stand in the backgrounds' places too.
        """
        found = self._run(guides, self._layer, both=both and self.layered)
        return {index: (front[0], back[0]) for index, (front, back) in found.items()}

    def trusted_layers(self, guides: Sequence[Guide]) -> dict[int, tuple[LayerPair, LayerPair]]:
        """Both layers of every mask, and how far each was seen rather than completed, in [0, 1].

        That is the network's trust within the layer's own region, or the region itself where a
        network gives none. Guides without a view are left out.
        """
        found = self._run(guides, self._trusted_layer, both=self.layered)
        return {
            index: ((front[0], back[0]), (front[1], back[1]))
            for index, (front, back) in found.items()
        }

    def _layer(self, depth: Tensor, mask: Tensor, rgb: Tensor) -> Tensor:
        # The initial range bounds layers: no negative inverse depth from a residual.
        layer: Tensor = self.network(depth, mask, rgb)
        return layer.float().clamp(0, DEPTH_RANGE)

    def _trusted_layer(self, depth: Tensor, mask: Tensor, rgb: Tensor) -> Tensor:
        if not self._trusts:
            return torch.cat([self._layer(depth, mask, rgb), mask], dim=1)
        parts = self.network(depth, mask, rgb, parts=True)
        layer = parts.layer.float().clamp(0, DEPTH_RANGE)
        return torch.cat([layer, mask * torch.sigmoid(parts.trust.float())], dim=1)

    def _run(
        self, guides: Sequence[Guide], network: Callable[..., Tensor], *, both: bool
    ) -> dict[int, tuple[Maps, Maps]]:
        """Run the views of one size together; what the passes of a mask give, (C, h, w) each."""
        shapes: dict[tuple[int, ...], dict[int, View]] = {}
        for index, guide in enumerate(guides):
            if guide.view is not None:
                shapes.setdefault(guide.view.mask.shape, {})[index] = guide.view
        found: dict[int, tuple[Maps, Maps]] = {}
        for views in shapes.values():
            maps = self._run_views(list(views.values()), network, both=both)
            found |= zip(views, maps, strict=True)
        return found

    def _run_views(
        self, views: Sequence[View], network: Callable[..., Tensor], *, both: bool
    ) -> list[tuple[Maps, Maps]]:
        """Run views of one size."""

        def batch(arrays: Iterable[Mask | Image]) -> Tensor:
            return torch.from_numpy(np.stack(list(arrays))).to(self.device)

        mask = batch(view.mask for view in views)[:, None]
        depth = batch(view.scene.scaled.small[view.window.small] for view in views)[:, None]
        colour = batch(view.scene.rgb[view.window.small] for view in views)
        colour = colour.permute(0, 3, 1, 2)  # (N, 3, h, w)
        if both:
            mask, depth = torch.cat([mask, 1 - mask]), torch.cat([depth, depth])
            colour = torch.cat([colour, colour])
        step = items_at_once(self.device, mask.shape[-2:])
        # oneDNN's bfloat16 reads beyond what is one pixel wide at the coarsest level (torch 2.13).
        dtype = self.dtype if mask.shape[-1] > STRIDE else None
        with torch.inference_mode(), autocast(self.device, dtype):
            batches = zip(*(x.split(step) for x in (depth, mask, colour)), strict=True)
            maps = torch.cat([network(*inputs).cpu() for inputs in batches]).numpy()
        foreground = maps[: len(views)]
        background = maps[len(views) :] if both else foreground
        return list(zip(foreground, background, strict=True))
