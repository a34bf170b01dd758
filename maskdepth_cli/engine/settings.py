"""How the engine works, without the libraries that it needs: a resumed run reads only this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maskdepth_cli.engine.instances import MIN_SHARE, MergeRule


@dataclass(frozen=True)
class RefineSettings:
    """How a `Refiner` works; every default is the documented one."""

    working_size: int = 512  # longest side of the layers' prediction; smaller images keep theirs
    keep: Literal["band", "none"] = "band"  # none: the paper's plain output
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


@dataclass(frozen=True)
class PredictSettings:
    """How a `Predictor` works; every default is the documented one."""

    tta: Literal["none", "flip"] = "none"  # flip: mean with the mirrored photo's prediction
    batch_size: int = 8  # photos of equal network size computed at once
    device: str = "auto"
    precision: str = "auto"
    compiled: bool = False  # run the network through torch.compile
