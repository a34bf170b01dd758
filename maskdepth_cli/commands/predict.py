"""`predict` over files: photos in, initial depth out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskdepth_cli.arrays import as_image
from maskdepth_cli.commands.network_worker import NetworkWorker
from maskdepth_cli.commands.one_file import into_one_file, names_a_file
from maskdepth_cli.commands.predict_request import PredictRequest
from maskdepth_cli.errors import ExitCode
from maskdepth_cli.files.depth_formats import check_format
from maskdepth_cli.files.depth_writing import loss_in_codes, write_depth
from maskdepth_cli.files.images import read_photo
from maskdepth_cli.run.gathering import gather, photo_pixels
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.planning import Layout
from maskdepth_cli.run.preparing import PreparingWorker
from maskdepth_cli.run.runner import run, run_where_it_lies
from maskdepth_cli.types import InverseDepth, Photo
from maskdepth_cli.viewing.pictures import write_picture

if TYPE_CHECKING:
    from maskdepth_cli.side.predictor import Predictor


def predict_files(request: PredictRequest, options: RunOptions) -> ExitCode:
    """Predict the initial depth of photos in files.

    Raises
    ------
    UsageError, NothingToDoError, WeightsError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    if names_a_file(options.folder):
        more = ["--preview"] if request.preview else []
        return into_one_file(request, options, predict_files, more=more)
    return run_where_it_lies(request, options, _predict_here)


def _predict_here(request: PredictRequest, options: RunOptions) -> ExitCode:
    """Predict where all that is named lies on this machine's disks, or has stand-ins there."""
    check_format(request.format)
    source = request.side.find()
    layout = Layout(request.format, preview=request.preview)
    plan = gather(request.inputs, [], layout, options.folder, dry_run=options.dry_run)
    plan = replace(plan, notes=(request.side.note(source), *plan.notes))

    photos = len(plan.jobs)

    def load_network() -> PredictWorker:
        predictor = request.side.load(source, quiet=options.quiet)
        return PredictWorker(request, options.folder, predictor, source.name, photos)

    def make_worker() -> PreparingWorker[Photo, tuple[Photo, InverseDepth]]:
        return PreparingWorker(partial(_read, request), load_network)

    return run(
        plan,
        make_worker,
        options,
        {
            **request.side.decisive(source),
            "format": request.format,
            "png_range": request.png_range,
        },
        photo_pixels(request.max_megapixels),
    )


def _read(request: PredictRequest, job: Job) -> Photo:
    return read_photo(job.image, max_megapixels=request.max_megapixels)


class PredictWorker(NetworkWorker):
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
        super().__init__(predictor.device, request.side.settings.batch_size, photos)
        self._request = request
        self._folder = folder
        self._predictor = predictor
        self._model = model

    def load(self, job: Job) -> Photo:
        """Read the photo."""
        return _read(self._request, job)

    def compute(self, loaded: Sequence[Photo]) -> list[tuple[Photo, InverseDepth]]:
        """Predict photos; those of equal network size share batches."""
        with self.cores.share():
            return list(zip(loaded, self._predictor.predict_many(loaded), strict=True))

    def save(self, job: Job, result: tuple[Photo, InverseDepth]) -> dict[str, Any]:
        """Write the preview, then the depth."""
        image, depth = result
        if preview := job.output("preview"):
            from maskdepth_cli.viewing.panels import prediction_panel  # with Pillow's drawing

            write_picture(self._folder / preview, prediction_panel(as_image(image), depth))
        place = job.output("depth")
        assert place is not None
        scale = write_depth(
            self._folder / place,
            depth,
            format=self._request.format,
            png_range=self._request.png_range,
            extra={"model": self._model},
        )
        size = [image.shape[1], image.shape[0]]
        message = loss_in_codes(depth, scale)
        return {"message": message, "size": size, "model": self._model, "scale": scale}
