"""layered-ours: a completion network in the place of classical inpainting (paper section 4.4)."""

from __future__ import annotations

import dataclasses

from torch import Tensor, nn

from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.networks.layers import lowest_around


class ErodedMasks(nn.Module):
    """A network that is shown masks which keep clear of the boundary.

    For the mask M it completes the foreground from M eroded, for 1 - M the background from what
    lies outside of M dilated.

    Parameters
    ----------
    network : nn.Module
        ``network(depth, mask, rgb) -> layer``.
    kernel : int
        Side of the eroding square in pixels of the working size, odd.
    """

    def __init__(self, network: nn.Module, kernel: int) -> None:
        super().__init__()
        self.network = network
        self.config = getattr(network, "config", None)
        self.kernel = kernel

    def forward(self, depth: Tensor, mask: Tensor, rgb: Tensor) -> Tensor:
        """Complete the layer of a mask (B, 1, H, W) from its eroded region."""
        layer: Tensor = self.network(depth, lowest_around(mask, self.kernel // 2), rgb)
        return layer


def layered_refiner(
    network: nn.Module, settings: RefineSettings | None = None, kernel: int = 5
) -> Refiner:
    """Build the method layered-ours from a network trained for completion (stage I).

    Parameters
    ----------
    network : nn.Module
        With the weights of stage I.
    settings : RefineSettings, optional
        Its keep band is switched off: layers are merged by the mask alone.
    kernel : int
        As in `ErodedMasks`; 5 for layered-propagation with instance maps.
    """
    settings = dataclasses.replace(settings or RefineSettings(), keep="none")
    return Refiner(ErodedMasks(network, kernel), settings)
