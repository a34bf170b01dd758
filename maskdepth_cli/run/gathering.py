"""From the command line's paths to a plan: the part of planning that looks at folders."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError, NothingToDoError, UsageError
from maskdepth_cli.files.atomic import check_writable, ignores_case
from maskdepth_cli.files.images import image_size
from maskdepth_cli.files.names import shown
from maskdepth_cli.pairing.finding import without_suffix
from maskdepth_cli.pairing.matching import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    RAW_SUFFIXES,
    InputFile,
    NamePattern,
    Pairing,
    find_inputs,
    pair,
)
from maskdepth_cli.pairing.near import Search, why_unpaired
from maskdepth_cli.pairing.patterns import SAME_NAME, composed
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
        Where they are: a folder, or a file for a single photo; None: within the photos only.
    suffixes
        Their extensions.
    several
        Whether a photo may have more than one.
    names
        How they are named, see `files.patterns.NamePattern`; empty: as the photos are.
    option
        The option that takes such names; empty where there is none.
    word
        What tools call such a file.
    within
        Says why a photo that has no file does not hold it within itself; empty: it does.
    """

    role: str
    noun: str
    folder: Path | None
    suffixes: Collection[str] = MASK_SUFFIXES
    several: bool = False
    names: str = ""
    option: str = ""
    word: str = "mask"
    within: Callable[[Path], str] | None = None

    @property
    def pattern(self) -> NamePattern:
        """How they are named.

        Raises
        ------
        UsageError
            `names` is no pattern.
        """
        return NamePattern(self.names, self.suffixes) if self.names else SAME_NAME

    def find(self, photos: Sequence[InputFile]) -> Companion:
        """Look for the files of photos, and for the reason where some have none.

        Raises
        ------
        UsageError
            As `files.pairing.pair`.
        """
        found, hint = Pairing({}, tuple(photos), (), {}), ""
        if self.folder is not None:
            found = pair(photos, self.folder, self.suffixes, self.pattern, self.word)
        look = self.within
        within = {photo: look(photo.path) for photo in found.unpaired_inputs} if look else {}
        without = [photo for photo in found.unpaired_inputs if within.get(photo) != ""]
        if self.folder is not None and without:
            search = Search(self.folder, self.suffixes, self.pattern, self.word, self.option)
            hint = why_unpaired(without, found.leftovers, search)
        return Companion(
            self.role,
            self.noun,
            self.folder,
            found,
            self.several,
            within,
            self.pattern,
            self.option,
            hint,
        )


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
    photos = _without_partners(photos, wanted)
    if not photos:
        places = ", ".join(shown(place) for place in inputs)
        raw = find_inputs(inputs, suffixes=RAW_SUFFIXES) if "-" not in inputs else []
        hint = f"; {raw[0].name} is camera raw, which is not read: develop it first" if raw else ""
        raise NothingToDoError(f"no photo in {places} ({' '.join(sorted(IMAGE_SUFFIXES))}){hint}")
    companions = [one.find(photos) for one in wanted]
    ignore_case = False
    if not dry_run and all(map(_found_any, companions)):
        check_writable(target)
        ignore_case = ignores_case(target)
    return plan_jobs(photos, companions, layout, target, ignore_case=ignore_case)


def _found_any(companion: Companion) -> bool:
    return bool(companion.pairing.paired) or "" in companion.within.values()


def _without_partners(photos: Sequence[InputFile], wanted: Sequence[Wanted]) -> list[InputFile]:
    """Leave out files that by their names are masks or depth maps in the photos' own folders."""
    named = [(one.folder, one.pattern) for one in wanted if one.names and one.folder]
    if not named:
        return list(photos)
    stems = {composed(without_suffix(_place(photo))) for photo in photos}
    folders = [(os.path.join(_absolute(root), ""), pattern) for root, pattern in named]  # noqa: PTH118

    def partner(photo: InputFile) -> bool:
        place = _place(photo)
        stem = composed(without_suffix(place))
        for folder, pattern in folders:
            if place.startswith(folder) and pattern.counts(place):
                owner = pattern.photo_of(stem, stems)
                if owner not in (None, stem) and (owner in stems or not pattern.wild):
                    return True
        return False

    return [photo for photo in photos if not partner(photo)]


def _absolute(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 (keeps links, and is fast)


def _place(photo: InputFile) -> str:
    return _absolute(photo.location).replace(os.sep, "/")


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
