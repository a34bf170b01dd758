"""Masks on request: made by a network for every photo that has none, kept beside the results."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.errors import ExitCode, UsageError
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.images import read_photo
from maskdepth_cli.files.masks import write_mask
from maskdepth_cli.files.names import shown
from maskdepth_cli.masking.makers import Found, Maker, Network, maker_of
from maskdepth_cli.pairing.annotations import encode_labelme
from maskdepth_cli.pairing.finding import is_folder
from maskdepth_cli.pairing.matching import find_inputs, pair
from maskdepth_cli.pairing.selection import EVERYTHING
from maskdepth_cli.run.gathering import photo_pixels
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.manifest import Manifest
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.planning import Layout, plan_jobs
from maskdepth_cli.run.runner import run
from maskdepth_cli.run.target import MANIFEST
from maskdepth_cli.types import Photo

FOLDER = "masks"
"""Of the target folder, where they are kept."""

_MADE_BY = "masks"


@dataclass(frozen=True)
class MadeMasks:
    """What became of masks on request.

    Parameters
    ----------
    request
        The request, with the folder of masks in place of the network.
    notes
        What the user should know.
    code
        Where the run ends with the masks: interrupted, or a dry run; else None.
    """

    request: RefineRequest
    notes: tuple[str, ...] = ()
    code: ExitCode | None = None


def with_masks(request: RefineRequest, options: RunOptions) -> MadeMasks:
    """Make masks where the request names a network in place of a folder.

    A photo that has a mask in the folder keeps it, whoever made or corrected it.

    Raises
    ------
    UsageError, WeightsError, OutputError
        The network cannot be used, or not with these options.
    """
    maker = maker_of(request.masks)
    if maker is None:
        return MadeMasks(request)
    _check(request, options, maker)
    folder = options.folder / FOLDER
    photos = find_inputs(request.inputs, exclude=[options.folder, *filter(None, [request.depths])])
    there = set(pair(photos, folder).paired) if is_folder(folder) else set()
    layout = Layout("json" if maker.has_classes else "png", role="mask")
    plan = plan_jobs(photos, [], layout, folder)
    had = {photo.name for photo in there}
    missing = tuple(job for job in plan.jobs if job.name not in had)
    notes = (_note(maker, folder, len(missing), len(there)), *_others(maker, folder))
    made = replace(request, masks=folder)
    if not missing:
        return MadeMasks(made, notes)
    own = replace(options, folder=folder, overwrite=False, json=False, label="masks", summary=False)
    code = run(
        replace(plan, jobs=missing, left_out=(), notes=()),
        lambda: MaskWorker(maker, maker.load(), folder, request.max_megapixels),
        own,
        {_MADE_BY: maker.name},
        photo_pixels(request.max_megapixels),
    )
    ends = code if options.dry_run or code == ExitCode.INTERRUPTED else None
    return MadeMasks(made, notes, ends)


def _check(request: RefineRequest, options: RunOptions, maker: Maker) -> None:
    """Refuse what masks on request do not go with."""
    if "-" in request.inputs:
        raise UsageError(
            f"--masks {maker.name} goes over the photos twice, a list on stdin comes once; name "
            "files or folders"
        )
    if options.shard or options.stage:
        raise UsageError(
            f"--masks {maker.name} goes with one run over files of this machine: make the masks "
            f"with it first, then pass --masks {shown(options.folder / FOLDER)}"
        )
    if request.mask_suffix:
        raise UsageError(f"--mask-suffix names files, --masks {maker.name} makes them; drop one")
    if request.selection != EVERYTHING and not maker.has_classes:
        raise UsageError(f"--classes and --ids choose among objects; {maker.name} finds only one")


def _note(maker: Maker, folder: Path, missing: int, there: int) -> str:
    kept = f", {there} were there already" if there else ""
    return f"masks: {missing} by {maker.name}{kept}; in {shown(folder)}, correct them there"


def _others(maker: Maker, folder: Path) -> list[str]:
    """Say which masks another network made."""
    if not (folder / MANIFEST).is_file():
        return []
    with contextlib.closing(Manifest(folder / MANIFEST)) as manifest:
        names = {str(record.table("made_with").get(_MADE_BY, "")) for record in manifest}
    others = sorted(names - {maker.name, ""})
    if not others:
        return []
    return [
        f"masks: some are by {shown(', '.join(others))} and stay; remove {shown(folder)} to have "
        "all made again"
    ]


class MaskWorker:
    """Make the masks of photos with one network.

    Parameters
    ----------
    maker, network
        The network, by name and loaded.
    folder
        Where masks are written.
    max_megapixels
        Larger photos are refused.
    """

    batch_size = at_once = 1

    def __init__(self, maker: Maker, network: Network, folder: Path, max_megapixels: float) -> None:
        self._maker = maker
        self._network = network
        self._folder = folder
        self._limit = max_megapixels

    def load(self, job: Job) -> Photo:
        """Read the photo."""
        return read_photo(job.image, max_megapixels=self._limit)

    def compute(self, loaded: Sequence[Photo]) -> list[list[Found]]:
        """Find the objects."""
        return [self._network.find(photo) for photo in loaded]

    def save(self, job: Job, result: list[Found]) -> dict[str, Any]:
        """Write the mask, or the objects as annotations."""
        place = job.output("mask")
        assert place is not None
        target = self._folder / place
        if self._maker.has_classes:
            objects = [(found.label, found.mask) for found in result]
            data = encode_labelme(objects, job.image.name, self._maker.name)
            with atomic_write(target) as temporary:
                temporary.write_bytes(data)
        else:
            write_mask(target, result[0].mask, self._maker.name)
        return {"message": "", "objects": len(result), "made_with": {_MADE_BY: self._maker.name}}
