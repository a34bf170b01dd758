"""`predict` over files: photos in, initial depth out; and the predictor that `refine` uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskdepth_cli.batch.gathering import gather, photo_pixels
from maskdepth_cli.batch.jobs import Job
from maskdepth_cli.batch.planning import Layout
from maskdepth_cli.batch.progress import download_bar
from maskdepth_cli.batch.runner import RunOptions, at_hand, run
from maskdepth_cli.batch.staging import staged, stand_in
from maskdepth_cli.engine.settings import PredictSettings
from maskdepth_cli.errors import ExitCode
from maskdepth_cli.files.depths import DepthKind, check_format, write_depth
from maskdepth_cli.files.images import as_image, read_photo
from maskdepth_cli.loading import load_predictor
from maskdepth_cli.types import InverseDepth, Photo
from maskdepth_cli.viewing.panels import prediction_panel
from maskdepth_cli.viewing.pictures import write_picture
from maskdepth_cli.weights.cache import default_side_model
from maskdepth_cli.weights.side import SideSource, find_side_model, side_model_id

if TYPE_CHECKING:
    from maskdepth_cli.engine.predictor import Predictor


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


@dataclass(frozen=True)
class PredictRequest:
    """What `maskdepth predict` was asked for.

    Parameters
    ----------
    inputs
        Files, folders, or `-` for a list on stdin.
    side
        The network.
    format
        One of `files.depths.DEPTH_FORMATS`.
    preview
        Whether pictures to look at are written besides.
    max_megapixels
        Larger pictures are refused.
    """

    inputs: tuple[str, ...]
    side: SideChoice = field(default_factory=SideChoice)
    format: str = "png"
    preview: bool = False
    max_megapixels: float = 200


def predict_files(request: PredictRequest, options: RunOptions) -> ExitCode:
    """Predict the initial depth of photos in files.

    Raises
    ------
    UsageError, NothingToDoError, WeightsError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    with staged((*request.inputs, options.folder)) as stage:
        if stage:
            inputs = tuple(stand_in(stage, place) for place in request.inputs)
            request, options = replace(request, inputs=inputs), at_hand(options, stage)
        return _predict_here(request, options)


def _predict_here(request: PredictRequest, options: RunOptions) -> ExitCode:
    """Predict where all that is named lies on this machine's disks, or has stand-ins there."""
    check_format(request.format)
    source = request.side.find()
    layout = Layout(request.format, preview=request.preview)
    plan = gather(request.inputs, [], layout, options.folder, dry_run=options.dry_run)
    plan = replace(plan, notes=(request.side.note(source), *plan.notes))

    photos = len(plan.jobs)

    def make_worker() -> PredictWorker:
        predictor = request.side.load(source, quiet=options.quiet)
        return PredictWorker(request, options.folder, predictor, source.name, photos)

    return run(
        plan,
        make_worker,
        options,
        request.side.decisive(source),
        photo_pixels(request.max_megapixels),
    )


class PredictWorker:
    """Predict photos with one network.

    Parameters
    ----------
    request
        Kinds, formats and limits.
    folder
        The target folder.
    predictor
        Predicts arrays.
    model
        Name of the network, noted in the files.
    photos
        How many the run is of: cores are divided among them.
    """

    def __init__(
        self,
        request: PredictRequest,
        folder: Path,
        predictor: Predictor,
        model: str,
        photos: int = 1,
    ) -> None:
        from maskdepth_cli.engine.runtime import divide_cores

        self._cores = divide_cores(predictor.device, photos)
        self.at_once = self._cores.items
        # Batches gain nothing on the CPU: photos side by side do, see docs/performance.md.
        self.batch_size = 1 if predictor.device.type == "cpu" else request.side.batch_size
        self._request = request
        self._folder = folder
        self._predictor = predictor
        self._model = model

    def load(self, job: Job) -> Photo:
        """Read the photo."""
        return read_photo(job.image, max_megapixels=self._request.max_megapixels)

    def compute(self, loaded: Sequence[Photo]) -> list[tuple[Photo, InverseDepth]]:
        """Predict photos; those of equal network size share batches."""
        with self._cores.share():
            return list(zip(loaded, self._predictor.predict_many(loaded), strict=True))

    def save(self, job: Job, result: tuple[Photo, InverseDepth]) -> dict[str, Any]:
        """Write the preview, then the depth."""
        image, depth = result
        if preview := job.output("preview"):
            write_picture(self._folder / preview, prediction_panel(as_image(image), depth))
        place = job.output("depth")
        assert place is not None
        scale = write_depth(
            self._folder / place,
            depth,
            format=self._request.format,
            extra={"model": self._model},
        )
        size = [image.shape[1], image.shape[0]]
        return {"message": "", "size": size, "model": self._model, "scale": scale}
