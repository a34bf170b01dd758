"""How the engine works, without the libraries that it needs: a resumed run reads only this."""

from __future__ import annotations

from dataclasses import dataclass

from maskdepth_cli.choices import Keep, MergeRule
from maskdepth_cli.engine.instances import MIN_SHARE


@dataclass(frozen=True)
class RefineSettings:
    """How a `Refiner` works; every default is the documented one."""

    working_size: int = 512  # longest side of the layers' prediction; smaller images keep theirs
    keep: Keep = "band"  # none: the paper's plain output
    keep_dilation: float = 0.025  # reach of the band around the boundary, of the long side
    keep_threshold: float = 0.02  # corrections above this share of the range extend the band
    min_instance_share: float = MIN_SHARE
    merge: MergeRule = "own"  # of several masks; largest: the paper's
    windows: bool = True  # small masks are refined within their surroundings
    layers: bool = True  # False: only the depth is made, the layers are the initial depth
    batch_size: int = 8  # masks whose two passes run at once
    device: str = "auto"
    precision: str = "auto"
    compiled: bool = False  # run the network through torch.compile
