"""What the workers of networks share: how many photos they compute at once, on which cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class NetworkWorker:
    """Divide cores and batches among the photos of a run.

    Parameters
    ----------
    device
        Where the network runs.
    batch_size
        Photos that a GPU computes at once.
    photos
        How many the run is of.
    """

    def __init__(self, device: torch.device, batch_size: int, photos: int) -> None:
        from maskdepth_cli.engine.runtime import divide_cores

        self.cores = divide_cores(device, photos)
        self.at_once = self.cores.items
        # Small photos fill a GPU only together. On the CPU batches gain nothing: photos side by
        # side do, see docs/performance.md.
        self.batch_size = 1 if device.type == "cpu" else batch_size
