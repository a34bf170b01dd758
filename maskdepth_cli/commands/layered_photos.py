"""Photos with both layers, as a run with `--layers` left them: what bokeh and export start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.commands.layered_request import LayeredRequest
from maskdepth_cli.commands.written import Written
from maskdepth_cli.errors import ExitCode, InputFileError, UsageError
from maskdepth_cli.files.images import read_photo
from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.remote import Stage, is_remote
from maskdepth_cli.pairing.finding import is_file
from maskdepth_cli.run.gathering import photo_pixels
from maskdepth_cli.run.jobs import Job, LeftOut, Plan
from maskdepth_cli.run.manifest import DONE, Record
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.pipeline import Worker
from maskdepth_cli.run.runner import run, run_where_it_lies
from maskdepth_cli.run.staging import manifest_of
from maskdepth_cli.run.target import MANIFEST
from maskdepth_cli.settings import decisive
from maskdepth_cli.types import InverseDepth, Mask, Photo

_ROLES = ("depth", "foreground", "background", "mask")

Asked = TypeVar("Asked", bound=LayeredRequest)
Outputs = Callable[[str], tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class LayeredPhoto:
    """A photo (H, W, 3), its refined depth, both layers and the mask, all (H, W)."""

    image: Photo  # as it is stored
    depth: InverseDepth
    foreground: InverseDepth
    background: InverseDepth
    mask: Mask
    kind: DepthKind  # what the run wrote


@dataclass(frozen=True)
class LayeredRun:
    """The photos of a run that have layers.

    Parameters
    ----------
    plan
        One job a photo.
    written
        What the depth maps of each photo hold.
    max_megapixels
        Larger pictures are refused.
    """

    plan: Plan
    written: dict[str, Written]
    max_megapixels: float

    def load(self, job: Job) -> LayeredPhoto:
        """Read a job's files.

        Raises
        ------
        InputFileError
            One cannot be read, or is not of the photo's size.
        """
        written = self.written[job.name]
        files = dict(job.inputs)
        depth, foreground, background = (
            written.read(files[role], max_megapixels=self.max_megapixels) for role in _ROLES[:3]
        )
        mask = read_mask(files["mask"], max_megapixels=self.max_megapixels)
        image = read_photo(job.image, max_megapixels=self.max_megapixels)
        for array, role in zip((depth, foreground, background, mask), _ROLES, strict=True):
            if array.shape != image.shape[:2]:
                raise InputFileError(
                    f"{shown(files[role])}: not of the size of {shown(job.image)}; is it the "
                    "photo of this run? Say where the photos are with --photos"
                )
        kind = written.kind or "inverse"
        return LayeredPhoto(image, depth, foreground, background, mask, kind)


def find_layers(
    request: LayeredRequest,
    outputs: Outputs,
    extra: tuple[tuple[str, Path], ...] = (),
    stage: Stage | None = None,
) -> LayeredRun:
    """Read a run's manifest and make a job of every photo with layers.

    Parameters
    ----------
    request
        The run and its photos.
    outputs
        From the path of a photo's refined depth, without extension, to what is written.
    extra
        Further inputs of every job.
    stage
        Stands for the object stores that the run or its photos lie in, if any do.

    Raises
    ------
    NothingToDoError
        There is no manifest.
    UsageError
        A name is not in it.
    """
    run, names, photos = request.run, request.names, request.photos
    with manifest_of(run, stage) as manifest:
        known = sorted(record.name for record in manifest)
        if missing := sorted(set(names) - set(known)):
            raise UsageError(
                f"{shown(missing[0])}: not in {shown(run / MANIFEST)}; its photos are called "
                f"{', '.join(shown(name) for name in known[:3])}, ..."
            )
        records = [record for name in names or known if (record := manifest.get(name))]
    jobs: list[Job] = []
    left_out: list[LeftOut] = []
    written: dict[str, Written] = {}
    for record in records:
        image = Path(record.path) if photos is None else photos / record.name
        if stage and is_remote(image):
            image = _stand_in(stage, image)
        made = _job(record, image, run, outputs, extra)
        if isinstance(made, Job):
            jobs.append(made)
            written[record.name] = Written.of(record)
        else:
            left_out.append(LeftOut(record.name, image, made))
    return LayeredRun(Plan(tuple(jobs), tuple(left_out)), written, request.max_megapixels)


def run_layered(
    request: Asked,
    options: RunOptions,
    make_worker: Callable[[Asked, LayeredRun, Path], Worker[Any, Any]],
    outputs: Outputs | None = None,
) -> ExitCode:
    """Run a command over the photos of a run with layers.

    Parameters
    ----------
    request
        What was asked for; its fields that decide are part of what makes a result another one.
    options
        How the run behaves.
    make_worker
        Takes the request, the photos and the target folder.
    outputs
        See `find_layers`; None: as the request says.

    Raises
    ------
    UsageError, NothingToDoError, OutputError
        Before any work; see docs/exit-codes.md.
    """

    def here(request: Asked, options: RunOptions) -> ExitCode:
        layered = find_layers(request, outputs or request.outputs, request.extra(), options.stage)
        worker = make_worker(request, layered, options.folder)
        pixels = photo_pixels(request.max_megapixels)
        return run(layered.plan, lambda: worker, options, decisive(request), pixels)

    return run_where_it_lies(request, options, here)


def _stand_in(stage: Stage, photo: Path) -> Path:
    """Return the stand-in of a photo that a manifest names, made with those of its folder."""
    here = stage.local(photo)
    if not here.parent.is_dir():
        stage.mirror(photo.parent)
    return here


def _job(
    record: Record, image: Path, run: Path, outputs: Outputs, extra: tuple[tuple[str, Path], ...]
) -> Job | str:
    """Return the job of a photo, or why it has none."""
    if record.status != DONE:
        return "it failed in that run"
    places = [place for role in _ROLES if (place := record.place(role))]
    if len(places) < len(_ROLES):
        return "it has no layers; refine with --layers"
    if Written.of(record).kind is None:
        return "its line in the manifest does not tell inverse depth from depth"
    if not is_file(image):
        return f"{shown(image)} is not there; say where the photos are with --photos"
    inputs = tuple((role, run / place) for role, place in zip(_ROLES, places, strict=True))
    stem = PurePosixPath(places[0]).with_suffix("").as_posix()
    return Job(record.name, image, (*inputs, *extra), outputs(stem))
