"""From photos and what was found for them to jobs: pure, no file is touched."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maskdepth_cli.files.depth_formats import extension
from maskdepth_cli.files.names import shown
from maskdepth_cli.pairing.finding import joined, suffix, without_suffix
from maskdepth_cli.pairing.matching import InputFile, NamePattern, Pairing, output_names, texts_of
from maskdepth_cli.pairing.patterns import SAME_NAME
from maskdepth_cli.run.jobs import Job, LeftOut, Plan

_NAMED = 20
"""Files without a photo that are named one by one; the others are counted."""

_SHARED_NAMED = 3


@dataclass(frozen=True)
class Layout:
    """Where outputs lie in the target folder.

    The map of `x/photo.jpg` is `x/photo.EXT`; its preview `previews/x/photo.png`; its layers
    `layers/foreground/x/photo.EXT`, `layers/background/x/photo.EXT` and `layers/mask/x/photo.png`;
    a copy of the photo with the map inside `embedded/x/photo.jpg`; how sure it is
    `confidence/x/photo.png`.

    Parameters
    ----------
    format
        Of depth maps: one of `files.depth_formats.DEPTH_FORMATS`, or an extension.
    layers, preview
        Whether these are written.
    role
        Role of the first output, the map itself.
    embedded
        Whether a copy of the photo with the map inside is written.
    confidence
        Whether a map of how sure the depth is is written.
    """

    format: str
    layers: bool = False
    preview: bool = False
    role: str = "depth"
    embedded: bool = False
    confidence: bool = False

    def outputs(
        self, place: str, suffix: str = "", initial: str | None = None
    ) -> tuple[tuple[str, str], ...]:
        """Return role and relative path of each output of a photo.

        `place` has no extension; `suffix` is the photo's own, `initial` its initial depth map.
        """
        ending = extension(self.format, initial)
        found = [(self.role, f"{place}.{ending}")]
        if self.layers:
            for layer in ("foreground", "background"):
                found.append((layer, f"layers/{layer}/{place}.{ending}"))
            found.append(("mask", f"layers/mask/{place}.png"))
        if self.preview:
            found.append(("preview", f"previews/{place}.png"))
        if self.confidence:
            found.append(("confidence", f"confidence/{place}.png"))
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
    pattern
        How files were to be named.
    option
        The option that takes such a pattern; empty where there is none.
    hint
        The likely reason why photos have none, and what to do; empty if there is none.
    """

    role: str
    noun: str
    folder: Path | None
    pairing: Pairing
    several: bool = False
    within: Mapping[InputFile, str] = field(default_factory=dict)
    pattern: NamePattern = SAME_NAME
    option: str = ""
    hint: str = ""

    def inputs(self, photo: InputFile) -> tuple[tuple[str, str], ...] | str:
        """Return role and path of each file of a photo, or the reason why there is none."""
        candidates = self.pairing.ambiguous.get(photo)
        if candidates:
            names = ", ".join(shown(path) for path in candidates)
            return f"several files may be its {self.noun}: {names}; keep one"
        files = texts_of(self.pairing.paired, photo)
        if not files and self.within.get(photo) == "":
            return ((self.role, photo.location),)
        if not files:
            missing = [f"no {self.noun} for it in {shown(self.folder)}"] if self.folder else []
            return ", and ".join([*missing, *filter(None, [self.within.get(photo)])])
        if len(files) == 1:
            return ((self.role, files[0]),)
        if not self.several:
            place = shown(Path(files[0]).parent)
            which = self._which(files)
            return f"{len(files)} files in {place}, but one {self.noun} is needed{which}"
        return tuple((f"{self.role}/{i}", path) for i, path in enumerate(files, start=1))

    def _which(self, files: Sequence[str]) -> str:
        """Return how to name one of a photo's folder of files."""
        if not self.option:
            return ""
        if not self.pattern.plain:
            names = ", ".join(shown(Path(path).name) for path in files[:_SHARED_NAMED])
            return f"; narrow {self.option} down: {names}"
        stems = [Path(path).stem for path in files]
        stem = next((one for one in stems if one == self.noun.split()[0]), stems[0])
        return f"; say which: {self.option} '{{name}}/{shown(stem)}'"

    def notes(self, photos: int) -> Iterable[str]:
        """Name what pairs with nothing: photos in one line, files one by one up to a point."""
        if self.folder is None:
            return
        unpaired = [p for p in self.pairing.unpaired_inputs if self.within.get(p) != ""]
        if unpaired and photos and (self.hint or len(unpaired) > 1):
            yield self._unpaired(self.folder, unpaired, photos)
        yield from self._shared()
        if twins := self.pairing.twins:
            taken, other, *_ = next(iter(twins.values()))
            count = f"{len(twins)} photos have" if len(twins) > 1 else "a photo has"
            yield (
                f"{count} the {self.noun} twice, as {shown(taken)} and {shown(other)}: the one "
                "that holds floats is taken"
            )
        unused = self.pairing.unused_files
        if self.hint and len(unpaired) == photos:
            return
        for path in unused[:_NAMED]:
            yield f"no photo for the {self.noun} {shown(path)}"
        if len(unused) > _NAMED:
            yield f"no photo for {len(unused) - _NAMED} more files in {shown(self.folder)}"

    def _shared(self) -> Iterator[str]:
        """Name files that serve two photos: which of them they were made of is not known."""
        shared = self.pairing.shared
        for path, photos in itertools.islice(shared.items(), _SHARED_NAMED):
            whole = (self.pattern.example(photo.path.name, path.suffix) for photo in photos)
            yield (
                f"{shown(path)} is taken as the {self.noun} of "
                f"{' and of '.join(shown(photo.name) for photo in photos)}, which have one name; "
                f"if they are two pictures, call it {' or '.join(map(shown, whole))}"
            )
        if len(shared) > _SHARED_NAMED:
            more = len(shared) - _SHARED_NAMED
            yield f"{more} more {self.noun}s are each taken for several photos"

    def _unpaired(self, folder: Path, unpaired: Sequence[InputFile], photos: int) -> str:
        """Return how many photos have none, what was looked for, and the likely cause."""
        if photos == 1:
            count = "the photo has no"
        elif len(unpaired) == photos:
            count = f"none of {photos} photos has a"
        else:
            count = f"{len(unpaired)} of {photos} photos have no"
        place = self.pattern.example(without_suffix(unpaired[0].name), ".png")
        # Annotations of many photos name the photos themselves.
        one_file = folder.suffix.lower() == ".json"
        sought = unpaired[0].name if one_file else joined(folder, place)
        text = f"{count} {self.noun} in {shown(folder)}; looked for {shown(sought)}"
        return f"{text}; {self.hint}" if self.hint else text


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
    target = os.path.abspath(folder)  # noqa: PTH100 (keeps links, and is fast)
    inside = os.path.join(target, "")  # noqa: PTH118
    absolute = map(os.path.abspath, _sources(photos, companions))
    read = {path for path in absolute if path.startswith(inside)}
    owners: dict[str, str] = {}
    jobs: list[Job] = []
    left_out: list[LeftOut] = []
    for photo in photos:
        made: Job | str = "another photo has the same name"
        if photo not in clashes:
            made = _job(photo, companions, layout, names.texts[photo])
        if isinstance(made, Job):
            made = _overlap(made, target, read, owners, ignore_case) or made
        if isinstance(made, Job):
            jobs.append(made)
        else:
            left_out.append(LeftOut(photo.name, photo.path, made))
    notes = (note for companion in companions for note in companion.notes(len(photos)))
    return Plan(tuple(jobs), tuple(left_out), tuple(notes))


def _sources(photos: Sequence[InputFile], companions: Sequence[Companion]) -> Iterator[str]:
    """Yield every file that may be read."""
    for photo in photos:
        yield photo.location
        for companion in companions:
            yield from texts_of(companion.pairing.paired, photo)


def _job(
    photo: InputFile, companions: Sequence[Companion], layout: Layout, place: str
) -> Job | str:
    """Return the job of a photo, or why it has none."""
    inputs: list[tuple[str, str]] = []
    for companion in companions:
        found = companion.inputs(photo)
        if isinstance(found, str):
            return found
        inputs.extend(found)
    outputs = layout.outputs(place, suffix(photo.name), dict(inputs).get("depth"))
    return Job(photo.name, photo.location, tuple(inputs), outputs)


def _overlap(
    job: Job, target: str, read: Collection[str], owners: dict[str, str], ignore_case: bool
) -> str | None:
    """Claim a job's outputs; return why it cannot have one of them."""
    for _, path in job.outputs:
        place = os.path.join(target, path)  # noqa: PTH118
        if place in read:
            return f"its output {shown(path)} would overwrite an input; choose another --output"
        owner = owners.setdefault(path.casefold() if ignore_case else path, job.name)
        if owner != job.name:
            return f"its output {shown(path)} is also one of {shown(owner)}; rename one of them"
    return None
