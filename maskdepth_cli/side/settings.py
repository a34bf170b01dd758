"""How SIDE networks predict, without the libraries that it needs: a resumed run reads only this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypedDict

from maskdepth_cli.choices import Precision, Tta
from maskdepth_cli.settings import (
    COMPUTING,
    BatchSizeSetting,
    CompiledSetting,
    DeviceSetting,
    PrecisionSetting,
    Setting,
    WrapSetting,
    check,
)


@dataclass(frozen=True)
class PredictSettings:
    """How a `Predictor` works; every default is the documented one."""

    tta: Annotated[
        Tta, Setting("flip: mean with the mirrored photo's prediction.", panel=COMPUTING)
    ] = "none"
    wrap: WrapSetting = False
    batch_size: BatchSizeSetting = 8  # photos of equal network size
    device: DeviceSetting = "auto"
    precision: PrecisionSetting = "auto"
    compiled: CompiledSetting = False

    def __post_init__(self) -> None:
        check(self, aside=("device", "precision"))


class PredictChanges(TypedDict, total=False):
    """Fields of `PredictSettings` by name, as `load_predictor` takes them."""

    tta: Tta
    wrap: bool
    batch_size: int
    device: str
    precision: Precision
    compiled: bool
