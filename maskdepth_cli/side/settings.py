"""How SIDE networks predict, without the libraries that it needs: a resumed run reads only this."""

from __future__ import annotations

from dataclasses import dataclass

from maskdepth_cli.choices import Tta


@dataclass(frozen=True)
class PredictSettings:
    """How a `Predictor` works; every default is the documented one."""

    tta: Tta = "none"  # flip: mean with the mirrored photo's prediction
    batch_size: int = 8  # photos of equal network size computed at once
    device: str = "auto"
    precision: str = "auto"
    compiled: bool = False  # run the network through torch.compile
