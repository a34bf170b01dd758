"""The network's passes: layers of many masks in few batches (paper section 3.2, Eq. 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

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
from maskdepth_cli.types import Image, InverseDepth, Mask

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

    def layers(self, guides: Sequence[Guide], *, both: bool = True) -> dict[int, LayerPair]:
        """Both layers of every mask, (h, w) in [0, 10]; windows of one size share batches.

        Parameters
        ----------
        guides : sequence of Guide
            Those without a view are left out.
        both : bool
            False: foregrounds only, in one pass; they stand in the backgrounds' places too.
        """
        shapes: dict[tuple[int, ...], dict[int, View]] = {}
        for index, guide in enumerate(guides):
            if guide.view is not None:
                shapes.setdefault(guide.view.mask.shape, {})[index] = guide.view
        layers: dict[int, LayerPair] = {}
        for views in shapes.values():
            pairs = self._run(list(views.values()), both=both and self.layered)
            layers |= zip(views, pairs, strict=True)
        return layers

    def _run(self, views: Sequence[View], *, both: bool) -> list[LayerPair]:
        """Layers of masks with windows of one size."""

        def batch(arrays: Iterable[Mask | Image]) -> torch.Tensor:
            return torch.from_numpy(np.stack(list(arrays))).to(self.device)

        mask = batch(view.mask for view in views)[:, None]
        depth = batch(view.scene.scaled.small[view.window.small] for view in views)[:, None]
        colour = batch(view.scene.rgb[view.window.small] for view in views)
        colour = colour.permute(0, 3, 1, 2)  # (N, 3, h, w)
        if both:
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
        background = arrays[len(views) :] if both else foreground
        return list(zip(foreground, background, strict=True))
