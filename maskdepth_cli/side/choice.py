"""Which SIDE network a run predicts with, chosen before anything is loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.settings import COMPUTING, Setting, decisive
from maskdepth_cli.side.settings import PredictSettings

if TYPE_CHECKING:
    from maskdepth_cli.side.models import SideSource
    from maskdepth_cli.side.predictor import Predictor


@dataclass(frozen=True)
class SideChoice:
    """Which SIDE network predicts, and how.

    Parameters
    ----------
    model
        Name, ``hf:ORG/NAME`` or file; None: the best one that is here.
    weights
        A checkpoint on disk in place of the model's own.
    gives
        What the model gives, where it does not tell.
    settings
        How it predicts.
    """

    model: Annotated[
        str | None,
        Setting(
            "Network that predicts initial depth: a name of maskdepth models list, hf:ORG/NAME, "
            "or a checkpoint on disk.",
            metavar="NAME|FILE",
            default_text="the best one in the cache, else lite",
        ),
    ] = None
    weights: Annotated[
        str | None,
        Setting(
            "Checkpoint on disk in place of the model's own; alone, its keys tell the model.",
            metavar="FILE",
            panel=COMPUTING,
        ),
    ] = None
    gives: Annotated[
        DepthKind | None,
        Setting(
            "What an hf: network gives that does not tell.",
            flags=("--model-gives",),
            panel=COMPUTING,
        ),
    ] = None
    settings: PredictSettings = field(default_factory=PredictSettings)

    def find(self) -> SideSource:
        """Resolve the network; nothing is loaded or downloaded.

        Raises
        ------
        WeightsError, UsageError
            There is none such.
        """
        from maskdepth_cli.side.models import default_side_model, find_side_model

        model = self.model
        if model is None and self.weights is None:
            model = default_side_model()
        return find_side_model(model, self.weights)

    def note(self, source: SideSource) -> str:
        """Say in one line which network predicts and how to get a better one."""
        if self.model is None and self.weights is None and source.name == "lite":
            return (
                "initial depth: lite, the small network in the package; better, if you are "
                "online: --model dpt-large, or any of maskdepth models list"
            )
        return f"initial depth: {source.name}" + (f" from {source.file}" if source.file else "")

    def decisive(self, source: SideSource) -> dict[str, Any]:
        """Return what decides the predicted values; device and batch size are left aside."""
        from maskdepth_cli.side.models import side_model_id

        return {"side": side_model_id(source), "gives": self.gives, **decisive(self.settings)}

    def load(self, source: SideSource, *, quiet: bool) -> Predictor:
        """Load the network; a download shows a bar on stderr."""
        from maskdepth_cli.side.loading import load_predictor
        from maskdepth_cli.weights.progress import download_bar

        with download_bar(source.name, quiet=quiet) as report:
            return load_predictor(
                source.name,
                weights=source.file,
                model_gives=self.gives,
                report=report,
                **asdict(self.settings),
            )
