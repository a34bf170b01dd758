"""One manifest out of several: those of shards, or of runs whose results were put together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maskdepth_cli.errors import InputFileError, NothingToDoError, OutputError, UsageError
from maskdepth_cli.files.atomic import atomic_write, reason
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.remote import is_remote
from maskdepth_cli.run.manifest import Manifest, Record
from maskdepth_cli.run.shards import Shard
from maskdepth_cli.run.staging import StagedManifests, staged, stand_in
from maskdepth_cli.run.target import MANIFEST, TargetLock, shard_manifests

_MERGING = ".maskdepth.merging.lock"


@dataclass(frozen=True)
class Merged:
    """What came of a merge.

    Parameters
    ----------
    target
        The manifest that was written.
    photos
        Number of its lines.
    repeated
        Photos that were in several manifests.
    missing
        Shards that should be there but left no manifest.
    """

    target: str
    photos: int
    repeated: int
    missing: tuple[Shard, ...] = ()


def merge_manifests(places: Sequence[Path], target: Path | None = None) -> Merged:
    """Write the last record of every photo in several manifests, in the order of names.

    A photo in several manifests takes its record from the last one that has it; a folder stands
    for its manifest, followed by those of its shards. Paths of outputs stay as they are: relative
    to the folder of the merged manifest.

    Parameters
    ----------
    places
        Manifests, or target folders.
    target
        The file to write. None: the manifest of the one folder that is named, and its shards'
        are removed.

    Raises
    ------
    UsageError
        A place is not there, or there are several and no target.
    NothingToDoError
        A folder has no manifest.
    InputFileError
        A line is not a record. Nothing is written then.
    OutputError
        The target cannot be written, or a run is writing to the folder.
    """
    with staged([*places, target]) as stage:
        if stage is None:
            return _merge(places, target)
        here = [Path(stand_in(stage, place)) for place in places]
        sent = [StagedManifests(stage, place) for place in here if stage.holds(place)]
        goal = stage.local(target) if target and is_remote(target) else target
        merged = _merge(here, goal)
        if goal is None:
            sent[0].close()
        elif stage.holds(goal):
            stage.put(goal)
        return replace(merged, target=stage.outside(merged.target))


def _merge(places: Sequence[Path], target: Path | None) -> Merged:
    """Merge on this machine's disks."""
    sources = [source for place in places for source in _sources(place)]
    if target is None:
        if len(places) != 1 or not places[0].is_dir():
            raise UsageError("name the file to write with --output, or a single target folder")
        with TargetLock(places[0]):
            return _merge_shards(places[0])
    photos, repeated = _write(sources, target, strict=True)
    return Merged(str(target), photos, repeated)


def _merge_shards(folder: Path) -> Merged:
    shards = shard_manifests(folder)
    photos, repeated = _write(_sources(folder), folder / MANIFEST, strict=True)
    _remove(list(shards.values()))
    counts = {shard.count for shard in shards}
    every = [Shard(i, count) for count in sorted(counts) for i in range(1, count + 1)]
    missing = tuple(shard for shard in every if shard not in shards)
    return Merged(str(folder / MANIFEST), photos, repeated, missing)


def _sources(place: Path) -> list[Path]:
    """Return the manifests that a place stands for, the oldest first."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise UsageError(f"{shown(place)}: no such file or folder")
    own = [place / MANIFEST] if (place / MANIFEST).exists() else []
    sources = [*own, *shard_manifests(place).values()]
    if not sources:
        raise NothingToDoError(f"{shown(place)}: no manifest here; name the folder of a run")
    return sources


def absorb_shards(folder: Path, shard: Shard | None) -> None:
    """Bring the manifests of earlier shards into the folder's own, before a run of another kind.

    So what a shard of the present number of runs notes is always newer than the folder's own
    manifest, and no photo is in two of their manifests. Damaged lines are left behind, as
    everywhere on resuming.

    Parameters
    ----------
    folder
        The target folder, held by a `TargetLock`.
    shard
        The run that begins.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    from filelock import FileLock

    if not _strangers(folder, shard):
        return
    with FileLock(folder / _MERGING):  # shards begin at the same time
        older = _strangers(folder, shard)
        if older:
            own = folder / MANIFEST
            _write([*([own] if own.exists() else []), *older], own, strict=False)
            _remove(older)
        with contextlib.suppress(OSError):
            (folder / _MERGING).unlink()


def _strangers(folder: Path, shard: Shard | None) -> list[Path]:
    """Return the manifests of shards of other numbers of runs than the present one."""
    found = shard_manifests(folder).items()
    return [path for other, path in found if shard is None or other.count != shard.count]


class Records:
    """What is known of earlier runs: what several manifests say, the newest first.

    Parameters
    ----------
    own
        The manifest of this run.
    folder
        The target folder.
    shard
        Which of several runs this is.
    """

    def __init__(self, own: Manifest, folder: Path, shard: Shard | None) -> None:
        paths = [*reversed(_strangers(folder, shard)), folder / MANIFEST]
        if shard:
            paths.insert(0, own.path)
        self._own = own
        self._manifests = [own if path == own.path else Manifest(path) for path in paths]

    def get(self, name: str) -> Record | None:
        """Return the newest record of a photo, None where there is none."""
        return next((row for one in self._manifests if (row := one.get(name))), None)

    def close(self) -> None:
        """Close the manifests that are not this run's."""
        for manifest in self._manifests:
            if manifest is not self._own:
                manifest.close()


def _write(sources: Sequence[Path], target: Path, *, strict: bool) -> tuple[int, int]:
    """Write the merged file; return its number of lines and how many photos were in several."""
    places: dict[str, tuple[int, int]] = {}  # name -> number of its source, place in it
    repeated: set[str] = set()
    with contextlib.ExitStack() as stack:
        try:
            files = [stack.enter_context(source.open("rb")) for source in sources]
        except OSError as error:
            raise InputFileError(
                f"{shown(error.filename)}: cannot be read: {reason(error)}"
            ) from error
        for number, (source, file) in enumerate(zip(sources, files, strict=True)):
            for place, record in _records(source, file, strict=strict):
                before = places.get(record.name)
                if before and before[0] != number:
                    repeated.add(record.name)
                places[record.name] = number, place
        with atomic_write(target) as temporary, temporary.open("wb") as merged:
            for name in sorted(places):
                number, place = places[name]
                files[number].seek(place)
                merged.write(files[number].readline())
    return len(places), len(repeated)


def _records(source: Path, file: Iterator[bytes], *, strict: bool) -> Iterator[tuple[int, Record]]:
    """Yield place and content of every record; a bad line is passed over, or an error."""
    place = 0
    for number, line in enumerate(file, start=1):
        record = Record.from_line(line) if line.endswith(b"\n") else None
        if record:
            yield place, record
        elif strict:
            wrong = "not a record of a run" if line.endswith(b"\n") else "only half written"
            raise InputFileError(
                f"{shown(source)}, line {number}: {wrong}; run that part again, which mends it, "
                "or remove the line (its photo is done again then)"
            )
        place += len(line)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{shown(path)}: cannot be removed: {reason(error)}") from error
