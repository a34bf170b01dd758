"""`-o depth.png`: the depth map of a single photo in a file, where runs have a folder."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from maskdepth_cli.choices import DepthFormat
from maskdepth_cli.commands.predict_request import PredictRequest
from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.errors import ExitCode, OutputError, UsageError
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.depth_formats import extension
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.remote import is_remote
from maskdepth_cli.pairing.finding import is_file
from maskdepth_cli.pairing.matching import IMAGE_SUFFIXES
from maskdepth_cli.run.gathering import Wanted, gather
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.planning import Layout

Request = TypeVar("Request", RefineRequest, PredictRequest)

_FORMATS: dict[str, DepthFormat] = {
    ".png": "png16",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".npy": "npy",
    ".npz": "npz",
    ".pfm": "pfm",
    ".exr": "exr",
}


def names_a_file(target: Path) -> bool:
    """Tell whether what was named as the target is a picture or an array, not a folder."""
    return target.suffix.lower() in IMAGE_SUFFIXES | _FORMATS.keys() and not target.is_dir()


def into_one_file(
    request: Request,
    options: RunOptions,
    work: Callable[[Request, RunOptions], ExitCode],
    depths: Sequence[Wanted] = (),
    more: Sequence[str] = (),
    places: Sequence[Path] = (),
) -> ExitCode:
    """Write the depth map of a single photo to the file `options.folder`.

    Parameters
    ----------
    request
        What a command was asked for.
    options
        How it runs.
    work
        The command over folders.
    depths
        Where the initial depth map is looked for, by whose file the format is chosen.
    more
        Options that were given and need a folder.
    places
        Files and folders of masks and maps, none of whose files is overwritten.

    Raises
    ------
    UsageError
        There is more than one photo, the extension is no format of depth maps or contradicts
        ``--format``, the file is one of the inputs, or an option needs a folder.
    """
    target = options.folder
    format = _format(request, target, depths)
    if target.exists() and any(_within(target, place) for place in places):
        raise UsageError(f"{shown(target)} is an input and the target; choose another --output")
    runs: dict[str, bool] = {
        "--dry-run": options.dry_run,
        "--json": options.json,
        "--shard": bool(options.shard),
        "--executor ray": options.cluster.executor == "ray",
    }
    if needless := [*(name for name, given in runs.items() if given), *more]:
        raise UsageError(
            f"{shown(target)}: {' and '.join(needless)} need a folder; name one with --output"
        )
    with tempfile.TemporaryDirectory(prefix="maskdepth-") as place:
        inside = replace(options, folder=Path(place), summary=False)
        code = work(replace(request, format=format[0]), inside)
        if code is ExitCode.OK:
            (made,) = Path(place).glob(f"*.{format[1]}")
            with atomic_write(target) as temporary:
                shutil.copyfile(made, temporary)
            if not options.quiet:
                print(f"results: {shown(target)}", file=sys.stderr)
    return code


def _within(target: Path, place: Path) -> bool:
    """Tell whether a file is a place, or lies in that folder."""
    return place.exists() and target.resolve().is_relative_to(place.resolve())


def _format(
    request: RefineRequest | PredictRequest, target: Path, depths: Sequence[Wanted]
) -> tuple[DepthFormat, str]:
    """Return the format that a file's extension stands for, and that format's own extension."""
    ending = target.suffix.lower()
    if ending not in _FORMATS:
        raise UsageError(
            f"{shown(target)}: depth maps are not written as {ending}; take one of "
            f"{' '.join(_FORMATS)}, or a folder"
        )
    photos = request.inputs
    if is_remote(target) or len(photos) != 1 or not is_file(Path(photos[0])):
        raise (OutputError if target.exists() else UsageError)(
            f"{shown(target)} is the name of a file, which takes the depth map of one photo on a "
            "disk; name a folder with --output"
        )
    jobs = gather(photos, depths, Layout("keep"), target, dry_run=True).jobs
    initial = next((str(path) for job in jobs for _, path in job.inputs), None)
    read = [Path(photos[0]), *(path for job in jobs for _, path in job.inputs)]
    if target.exists() and any(target.samefile(path) for path in read):
        raise UsageError(f"{shown(target)} is an input and the target; choose another --output")
    own = _FORMATS[ending]
    if request.format not in ("keep", own):
        raise UsageError(f"{shown(target)}: the extension contradicts --format {request.format}")
    if request.format == "keep" and extension("keep", initial) == extension(own):
        own = "keep"
    return own, extension(own, initial)
