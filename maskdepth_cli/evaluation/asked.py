"""What `evaluate` was asked for, as data, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from maskdepth_cli.choices import (
    MIN_INSTANCE_SHARE,
    DatasetName,
    DepthKind,
    HypersimSelect,
    InstanceSource,
    MergeRule,
)
from maskdepth_cli.errors import UsageError
from maskdepth_cli.settings import DeviceSetting, PrecisionSetting, Setting
from maskdepth_cli.side.choice import SideChoice
from maskdepth_cli.side.settings import PredictSettings

if TYPE_CHECKING:
    from maskdepth_cli.evaluation.stages import EvaluateRequest


@dataclass(frozen=True)
class Asked:
    """Which methods are compared on which test set, and how."""

    root: Annotated[Path, Setting("Folder of the test set.", metavar="DIR")]
    dataset: Annotated[
        DatasetName,
        Setting("Layout of the set; generic: rgb/, depth/, and seg/ or masks/, paired by name."),
    ] = "generic"
    initial: Annotated[
        str | None,
        Setting(
            "Initial depth: a folder of maps named like the frames, or a depth network by name.",
            metavar="DIR|MODEL",
            default_text="the best network that is here",
        ),
    ] = None
    methods: Annotated[
        tuple[str, ...],
        Setting(
            "Once per method: ours, direct-composite, direct-paired, layered-propagation, "
            "layered-nearest, layered-ours, bmf, guided, wmf, files:DIR, or all. As "
            "ours:my.safetensors, layered-propagation:kernel=7.",
            flags=("--method", "-m"),
            metavar="NAME[:FILE][:OPTION=VALUE,...]",
            default_text="all that is here",
        ),
    ] = ()
    masks: Annotated[
        InstanceSource,
        Setting("Masks: the set's instance maps, its files (generic), or cut from its true depth."),
    ] = "auto"
    depth_kind: Annotated[
        DepthKind, Setting("What depth/ of a generic set holds; not guessed.")
    ] = "inverse"
    unknown: Annotated[
        float | None,
        Setting("The number of unknown pixels in depth/ of a generic set.", metavar="NUMBER"),
    ] = None
    initial_kind: Annotated[
        DepthKind, Setting("What the maps of --initial DIR hold; not guessed.")
    ] = "inverse"
    initial_unknown: Annotated[
        float | None,
        Setting("The number of unknown pixels in the maps of --initial DIR.", metavar="NUMBER"),
    ] = None
    frame: Annotated[int, Setting("Frame taken of each TartanAir trajectory.", min=0)] = 100
    select: Annotated[
        HypersimSelect,
        Setting("Of each Hypersim trajectory or scene, the first frame; all: every frame."),
    ] = "trajectory"
    limit: Annotated[int | None, Setting("Only so many frames, from the first on.", min=1)] = None
    degrade_masks: Annotated[
        bool,
        Setting("Also run with masks dilated, eroded and coarsened in steps; plots to --output."),
    ] = False
    clip: Annotated[
        bool,
        Setting(
            "The set is a clip, its frames in the order of their names: also measure the temporal "
            "change of the error."
        ),
    ] = False
    metrics: Annotated[
        tuple[str, ...],
        Setting(
            "A decision of the metrics, such as r3_threshold=0.05; see docs/evaluation.md.",
            flags=("--set",),
            metavar="NAME=VALUE",
        ),
    ] = ()
    min_instance_share: Annotated[
        float | None,
        Setting(
            "Leave out instances and masks that cover no more of a frame.",
            min=0,
            max=1,
            default_text=f"{MIN_INSTANCE_SHARE}; masks in files of their own: none",
        ),
    ] = None
    merge: Annotated[
        MergeRule | None,
        Setting(
            "Merge several masks by this rule in all methods.",
            default_text="own in ours, largest, the paper's, in the compared methods",
        ),
    ] = None
    figures: Annotated[
        Path | None,
        Setting("Draw where each method improved and worsened each frame.", metavar="DIR"),
    ] = None
    output: Annotated[
        Path | None,
        Setting(
            "Keep scores and reports here; run again, it goes on where it stopped.",
            flags=("--output", "-o"),
            metavar="DIR",
        ),
    ] = None
    device: DeviceSetting = "auto"
    precision: PrecisionSetting = "auto"

    def request(self) -> EvaluateRequest:
        """Open the test set and find the methods' weights.

        Raises
        ------
        UsageError, WeightsError, NothingToDoError
            What was typed contradicts itself, or names what is not there.
        """
        from maskdepth_cli.datasets.catalog import open_dataset
        from maskdepth_cli.evaluation.degradation import STEPS
        from maskdepth_cli.evaluation.initial_depth import initial_folder
        from maskdepth_cli.evaluation.methods import parse_methods
        from maskdepth_cli.evaluation.scoring import EvaluationSettings
        from maskdepth_cli.evaluation.stages import EvaluateRequest
        from maskdepth_cli.metrics.scores import parse_settings

        if self.degrade_masks and self.output is None:
            raise UsageError("--degrade-masks writes plots: name a folder with --output")
        settings = EvaluationSettings(
            self.min_instance_share, parse_settings(self.metrics), self.clip
        )
        frames = open_dataset(
            self.dataset,
            self.root,
            masks=self.masks,
            kind=self.depth_kind,
            unknown=self.unknown,
            number=self.frame,
            select=self.select,
        ).limited(self.limit)
        network = {
            "device": self.device,
            "precision": self.precision,
            "layers": frames.has_layers,
            **({"merge": self.merge} if self.merge else {}),
        }
        methods, notes = parse_methods(self.methods, network)
        folder = initial_folder(self.initial)
        if self.clip and folder is None:
            raise UsageError("--clip: name a folder of initial depth maps with --initial")
        predict = PredictSettings(device=self.device, precision=self.precision)
        return EvaluateRequest(
            frames,
            tuple(methods),
            folder,
            self.initial_kind,
            self.initial_unknown,
            SideChoice(None if folder else self.initial, settings=predict),
            settings,
            self.figures,
            STEPS if self.degrade_masks else (),
            tuple(notes),
        )


@dataclass(frozen=True)
class Reports:
    """Where the scores are written, and how the table is laid out."""

    json: Annotated[Path | None, Setting("Report with all rows; - for stdout.", metavar="FILE")] = (
        None
    )
    csv: Annotated[
        Path | None, Setting("A row per frame and method; - for stdout.", metavar="FILE")
    ] = None
    markdown: Annotated[Path | None, Setting("The table; - for stdout.", metavar="FILE")] = None
    table: Annotated[
        int | None,
        Setting(
            "Arrange the methods as this table of the paper, with its figures where the "
            "frames and the depth network are the same.",
            min=1,
            max=3,
        ),
    ] = None
    intervals: Annotated[bool, Setting("Print 95% bootstrap confidence intervals.")] = False
