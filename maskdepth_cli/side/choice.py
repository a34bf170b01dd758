"""Which SIDE network a run predicts with, chosen before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.side.loading import load_predictor
from maskdepth_cli.side.models import (
    SideSource,
    default_side_model,
    find_side_model,
    side_model_id,
)
from maskdepth_cli.side.settings import PredictSettings
from maskdepth_cli.weights.progress import download_bar

if TYPE_CHECKING:
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
        Fields of `PredictSettings` that differ from the default.
    """

    model: str | None = None
    weights: str | None = None
    gives: DepthKind | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def batch_size(self) -> int:
        """Photos of equal network size computed at once."""
        return PredictSettings(**self.settings).batch_size

    def find(self) -> SideSource:
        """Resolve the network; nothing is loaded or downloaded.

        Raises
        ------
        WeightsError, UsageError
            There is none such.
        """
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
        settings = asdict(PredictSettings(**self.settings))
        for name in ("batch_size", "device"):
            del settings[name]
        return {"side": side_model_id(source), "gives": self.gives, **settings}

    def load(self, source: SideSource, *, quiet: bool) -> Predictor:
        """Load the network; a download shows a bar on stderr."""
        with download_bar(source.name, quiet=quiet) as report:
            return load_predictor(
                source.name,
                weights=source.file,
                model_gives=self.gives,
                report=report,
                **self.settings,
            )
