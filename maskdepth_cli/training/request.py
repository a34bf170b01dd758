"""What `train` was asked for, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from maskdepth_cli.choices import Schedule, TrainPrecision
from maskdepth_cli.settings import COMPUTING, CompiledSetting, DeviceSetting, Setting


@dataclass(frozen=True)
class TrainRequest:
    """What to train, on what, and where it goes."""

    recipe: Annotated[
        Path, Setting("TOML recipe, such as train/recipes/trust.toml.", metavar="FILE")
    ]
    rgbd: Annotated[
        tuple[Path, ...],
        Setting(
            "Folder with rgb/, depth/ and maybe seg/, beside the recipe's own sources; repeatable.",
            metavar="DIR",
        ),
    ] = ()
    data: Annotated[
        Path, Setting("What paths of sources in the recipe are relative to.", metavar="DIR")
    ] = Path()
    stage: Annotated[
        int | None,
        Setting("1: completion, 2: refinement (paper section 3.2); none for lite.", min=1, max=2),
    ] = None
    masks: Annotated[
        tuple[Path, ...],
        Setting("Folder of masks; repeatable.", metavar="DIR", default_text="regions of seg/"),
    ] = ()
    output: Annotated[
        Path,
        Setting(
            "Target folder; it is made where missing.", flags=("--output", "-o"), metavar="DIR"
        ),
    ] = Path("runs/refinement")
    start: Annotated[
        Path | None,
        Setting("Weights to start from; for stage 2, those of stage 1.", metavar="FILE"),
    ] = None
    validation: Annotated[
        Path | None, Setting("Held-out folder with rgb/, depth/ and seg/.", metavar="DIR")
    ] = None
    validation_initial: Annotated[
        Path | None, Setting("Initial depth maps of the held-out frames.", metavar="DIR")
    ] = None
    device: DeviceSetting = "auto"
    precision: Annotated[
        TrainPrecision,
        Setting(
            "Precision of the forward pass; auto: bf16 where the device computes in it, else fp32.",
            panel=COMPUTING,
        ),
    ] = "auto"
    workers: Annotated[
        int,
        Setting("Loader processes; 0 loads in the main process.", min=0, panel=COMPUTING),
    ] = 0
    threads: Annotated[
        int,
        Setting("CPU threads of the network; 0: all.", min=0, panel=COMPUTING),
    ] = 0
    compiled: CompiledSetting = False
    tensorboard: Annotated[bool, Setting("Log for TensorBoard, too, in OUTPUT/tensorboard.")] = (
        False
    )
    show_data: Annotated[
        Path | None,
        Setting(
            "Draw what the network sees and is asked for into DIR, and train nothing.",
            metavar="DIR",
        ),
    ] = None
    schedule: Annotated[
        Schedule | None,
        Setting(
            "Learning rate: in steps (the paper's) or along a cosine.",
            default_text="the recipe's",
        ),
    ] = None
    settings: Annotated[
        tuple[str, ...],
        Setting(
            "Change a number of the recipe, such as stage2.iterations=1000; repeatable.",
            flags=("--set",),
            metavar="SECTION.NAME=VALUE",
        ),
    ] = ()
    quiet: Annotated[bool, Setting("Print failures only.", flags=("--quiet", "-q"))] = False

    @property
    def changes(self) -> tuple[str, ...]:
        """What is changed in the recipe, as SECTION.NAME=VALUE."""
        section = "train" if self.stage is None else f"stage{self.stage}"
        scheduled = (f'{section}.schedule="{self.schedule}"',) if self.schedule else ()
        return (*scheduled, *self.settings)
