"""From the command line's paths to a plan: the part of planning that looks at folders."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError, NothingToDoError, UsageError
from maskdepth_cli.files.atomic import check_writable, ignores_case
from maskdepth_cli.files.images import image_size
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.pairing import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    InputFile,
    Pairing,
    find_inputs,
    pair,
)
from maskdepth_cli.run.jobs import Job, Plan
from maskdepth_cli.run.planning import Companion, Layout, plan_jobs


@dataclass(frozen=True)
class Wanted:
    """What every photo needs beside itself.

    Parameters
    ----------
    role
        Role of the files in a job, see `jobs.Job`.
    noun
        What messages call one of them.
    folder
        Where they are: a folder, or a file for a single photo; None: only within photos.
    suffixes
        Their extensions.
    several
        Whether a photo may have more than one.
    within
        Says why a photo that has no file does not hold it within itself; empty: it does.
    """

    role: str
    noun: str
    folder: Path | None
    suffixes: Collection[str] = MASK_SUFFIXES
    several: bool = False
    within: Callable[[Path], str] | None = None

    def find(self, photos: Sequence[InputFile]) -> Companion:
        """Look for it.

        Raises
        ------
        UsageError
            As `files.pairing.pair`.
        """
        pairing = Pairing({}, tuple(photos), (), {})
        if self.folder is not None:
            pairing = pair(photos, self.folder, self.suffixes)
        look = self.within
        within = {photo: look(photo.path) for photo in pairing.unpaired_inputs} if look else {}
        return Companion(self.role, self.noun, self.folder, pairing, self.several, within)


def gather(
    inputs: Sequence[str],
    wanted: Sequence[Wanted],
    layout: Layout,
    target: Path,
    *,
    dry_run: bool = False,
) -> Plan:
    """Find photos and what belongs to them, and plan the work.

    Folders that lie within an input folder but hold masks, depth maps or results are not searched
    for photos.

    Parameters
    ----------
    inputs
        Files, folders, or `-`.
    wanted
        What each photo needs.
    layout
        Where outputs lie.
    target
        The target folder; it is made, unless in a dry run.
    dry_run
        Touch nothing.

    Raises
    ------
    UsageError
        A path does not exist, or the target is one of the input folders.
    NothingToDoError
        There is no photo.
    OutputError
        The target cannot be written.
    """
    for folder in inputs:
        if folder != "-" and _same(target, Path(folder)):
            raise UsageError(
                f"{shown(target)} is an input and the target; choose another folder with --output"
            )
    folders = [one.folder for one in wanted if one.folder is not None]
    photos = find_inputs(inputs, exclude=[target, *folders])
    if not photos:
        places = ", ".join(shown(place) for place in inputs)
        raise NothingToDoError(f"no photo in {places} ({' '.join(sorted(IMAGE_SUFFIXES))})")
    companions = [one.find(photos) for one in wanted]
    ignore_case = False
    if not dry_run and all(map(_found_any, companions)):
        check_writable(target)
        ignore_case = ignores_case(target)
    return plan_jobs(photos, companions, layout, target, ignore_case=ignore_case)


def _found_any(companion: Companion) -> bool:
    return bool(companion.pairing.paired) or "" in companion.within.values()


def _same(target: Path, folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return target.samefile(folder)
    return False


def photo_pixels(max_megapixels: float = MAX_MEGAPIXELS) -> Callable[[Job], int]:
    """Return what gives the size of a job's photo: 0 where it will be refused, later and in order.

    Parameters
    ----------
    max_megapixels
        The limit with which the photo will be read.
    """

    def pixels(job: Job) -> int:
        try:
            width, height = image_size(job.image, max_megapixels=max_megapixels)
        except InputFileError:
            return 0
        return width * height

    return pixels
