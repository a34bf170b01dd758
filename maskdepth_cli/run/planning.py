"""From photos and what was found for them to jobs: pure, no file is touched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maskdepth_cli.files.names import shown
from maskdepth_cli.files.pairing import InputFile, Pairing, output_names
from maskdepth_cli.run.jobs import Job, LeftOut, Plan

_NAMED = 20
"""Files without a photo that are named one by one; the others are counted."""


@dataclass(frozen=True)
class Layout:
    """Where outputs lie in the target folder.

    The map of `x/photo.jpg` is `x/photo.EXT`; its preview `previews/x/photo.png`; its layers
    `layers/foreground/x/photo.EXT`, `layers/background/x/photo.EXT` and `layers/mask/x/photo.png`;
    a copy of the photo with the map inside `embedded/x/photo.jpg`.

    Parameters
    ----------
    extension
        Of depth maps, without the dot.
    layers, preview
        Whether these are written.
    role
        Role of the first output, the map itself.
    embedded
        Whether a copy of the photo with the map inside is written.
    """

    extension: str
    layers: bool = False
    preview: bool = False
    role: str = "depth"
    embedded: bool = False

    def outputs(self, name: Path, suffix: str = "") -> tuple[tuple[str, str], ...]:
        """Return role and relative path of each output of a photo.

        `name` has no extension; `suffix` is the photo's own.
        """
        place = name.as_posix()
        found = [(self.role, f"{place}.{self.extension}")]
        if self.layers:
            for layer in ("foreground", "background"):
                found.append((layer, f"layers/{layer}/{place}.{self.extension}"))
            found.append(("mask", f"layers/mask/{place}.png"))
        if self.preview:
            found.append(("preview", f"previews/{place}.png"))
        if self.embedded:
            found.append(("embedded", f"embedded/{place}{suffix}"))
        return tuple(found)


@dataclass(frozen=True)
class Companion:
    """What was found of one role for the photos.

    Parameters
    ----------
    role
        `mask`, `instances` or `depth`.
    noun
        What messages call it.
    folder
        Where it was looked for.
    pairing
        What `files.pairing.pair` found there.
    several
        Whether a photo may have more than one.
    within
        Why a photo without a file does not hold it within itself; an empty reason: it does.
    """

    role: str
    noun: str
    folder: Path | None
    pairing: Pairing
    several: bool = False
    within: Mapping[InputFile, str] = field(default_factory=dict)

    def inputs(self, photo: InputFile) -> tuple[tuple[str, Path], ...] | str:
        """Return role and path of each file of a photo, or the reason why there is none."""
        candidates = self.pairing.ambiguous.get(photo)
        if candidates:
            names = ", ".join(shown(path) for path in candidates)
            return f"several files may be its {self.noun}: {names}; keep one"
        files = self.pairing.paired.get(photo, ())
        if not files and self.within.get(photo) == "":
            return ((self.role, photo.path),)
        if not files:
            missing = [f"no {self.noun} for it in {shown(self.folder)}"] if self.folder else []
            return ", and ".join([*missing, *filter(None, [self.within.get(photo)])])
        if len(files) == 1:
            return ((self.role, files[0]),)
        if not self.several:
            return f"{len(files)} files in {shown(files[0].parent)}, but one {self.noun} is needed"
        return tuple((f"{self.role}/{i}", path) for i, path in enumerate(files, start=1))


def plan_jobs(
    photos: Sequence[InputFile],
    companions: Sequence[Companion],
    layout: Layout,
    folder: Path,
    *,
    ignore_case: bool = False,
) -> Plan:
    """Make a job of every photo that has all its companions and outputs of its own.

    Parameters
    ----------
    photos
        As `files.pairing.find_inputs` lists them.
    companions
        What was found for them; a photo needs each.
    layout
        Where outputs lie.
    folder
        The target folder.
    ignore_case
        Whether its file system takes names that differ only by case for one.
    """
    names, clashing = output_names(photos, ignore_case=ignore_case)
    clashes = set(clashing)
    read = {os.path.abspath(photo.path): photo.path for photo in photos}  # noqa: PTH100
    for companion in companions:
        for paths in companion.pairing.paired.values():
            read.update((os.path.abspath(path), path) for path in paths)  # noqa: PTH100
    target = os.path.abspath(folder)  # noqa: PTH100 (keeps links, and is fast)
    owners: dict[str, str] = {}
    jobs: list[Job] = []
    left_out: list[LeftOut] = []
    for photo in photos:
        made: Job | str = "another photo has the same name"
        if photo not in clashes:
            made = _job(photo, companions, layout.outputs(names[photo], photo.path.suffix))
        if isinstance(made, Job):
            made = _overlap(made, target, read, owners, ignore_case) or made
        if isinstance(made, Job):
            jobs.append(made)
        else:
            left_out.append(LeftOut(photo.relative.as_posix(), photo.path, made))
    return Plan(tuple(jobs), tuple(left_out), tuple(_notes(companions)))


def _job(
    photo: InputFile, companions: Sequence[Companion], outputs: tuple[tuple[str, str], ...]
) -> Job | str:
    """Return the job of a photo, or why it has none."""
    inputs: list[tuple[str, Path]] = []
    for companion in companions:
        found = companion.inputs(photo)
        if isinstance(found, str):
            return found
        inputs.extend(found)
    return Job(photo.relative.as_posix(), photo.path, tuple(inputs), outputs)


def _overlap(
    job: Job, target: str, read: Mapping[str, Path], owners: dict[str, str], ignore_case: bool
) -> str | None:
    """Claim a job's outputs; return why it cannot have one of them."""
    for _, path in job.outputs:
        place = os.path.join(target, *path.split("/"))  # noqa: PTH118
        if place in read:
            return f"its output {shown(path)} would overwrite an input; choose another --output"
        owner = owners.setdefault(path.casefold() if ignore_case else path, job.name)
        if owner != job.name:
            return f"its output {shown(path)} is also one of {shown(owner)}; rename one of them"
    return None


def _notes(companions: Iterable[Companion]) -> Iterable[str]:
    """Name the files that belong to no photo."""
    for companion in companions:
        unused = companion.pairing.unused_files
        for path in unused[:_NAMED]:
            yield f"no photo for the {companion.noun} {shown(path)}"
        if len(unused) > _NAMED:
            place = shown(companion.folder or "")
            yield f"no photo for {len(unused) - _NAMED} more files in {place}"
