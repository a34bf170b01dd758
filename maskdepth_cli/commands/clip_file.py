"""`-o depth.mkv`: the depth of a clip in one file, where runs have a folder of frames."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.clips.opening import VIDEO_SUFFIXES
from maskdepth_cli.clips.writing import CLIP_FILES, check_clip_file, write_stack, write_video
from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.errors import ExitCode, OutputError, UsageError
from maskdepth_cli.files.depths import read_depth_map
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.scales import Scale
from maskdepth_cli.kinds import values_of
from maskdepth_cli.pairing.matching import DEPTH_SUFFIXES
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.manifest import Manifest
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.target import MANIFEST

Work = Callable[[RefineRequest, RunOptions], tuple[ExitCode, Sequence[Job], Fraction | None]]


def names_a_clip_file(target: Path) -> bool:
    """Tell whether what was named as the target is a video or a stack, not a folder.

    Raises
    ------
    UsageError
        It is a file of another kind.
    """
    ending = target.suffix.lower()
    if target.is_dir():
        return False
    if ending in VIDEO_SUFFIXES | DEPTH_SUFFIXES and ending not in CLIP_FILES:
        raise UsageError(
            f"{shown(target)}: a clip's depth is not written as {ending}; take one of "
            f"{' '.join(sorted(CLIP_FILES))}, or a folder"
        )
    return ending in CLIP_FILES


def into_clip_file(request: RefineRequest, options: RunOptions, work: Work) -> ExitCode:
    """Write the depth of a clip to the file `options.folder`.

    Its frames lie in a hidden folder beside it until all are done, so that a run that was killed
    goes on; then they become the file, and the folder is removed.

    Raises
    ------
    UsageError
        An option needs a folder, the file is one of the inputs, or nothing here encodes it.
    OutputError
        It cannot be written.
    """
    target = options.folder
    needless = {
        "--layers": request.settings.layers,
        "--preview": request.preview,
        "--confidence": request.finish.confidence,
        "--shard": options.shard,
        "--dry-run": options.dry_run,
        "--json": options.json,
        f"--format {request.format}": request.format != "keep",
    }
    if given := [name for name, value in needless.items() if value]:
        raise UsageError(
            f"{shown(target)}: {' and '.join(given)} need a folder; name one with --output"
        )
    places = (*request.inputs, request.masks, request.instances, request.depths)
    if any(Path(place).resolve() == target.resolve() for place in places if place):
        raise UsageError(f"{shown(target)} is an input and the target; choose another --output")
    check_clip_file(target)
    stack = target.suffix.lower() == ".npz"
    folder = target.with_name(f".{target.name}.frames")
    inside = replace(options, folder=folder, summary=False)
    code, jobs, rate = work(replace(request, format="tiff" if stack else "png16"), inside)
    if code is not ExitCode.OK:
        if code is ExitCode.SOME_FAILED:
            print(f"{shown(target)}: not written, since frames are missing", file=sys.stderr)
        return code
    paths = [folder / place for job in jobs if (place := job.output("depth"))]
    if stack:
        kind = request.depth_kind
        maps = (values_of(read_depth_map(path, kind).inverse, kind) for path in paths)
        write_stack(target, maps, len(paths), kind)
    else:
        scale = _scale(folder, jobs, request.depth_kind)
        write_video(target, _codes(paths, scale), rate, scale)
    _remove(folder)
    if not options.quiet:
        print(f"results: {shown(target)}", file=sys.stderr)
    return code


def _scale(folder: Path, jobs: Sequence[Job], kind: DepthKind) -> Scale:
    """Return the one scale of all frames, as they were written."""
    found: Scale | None = None
    with closing(Manifest(folder / MANIFEST)) as manifest:
        for job in jobs:
            record = manifest.get(job.name)
            facts = record.table("scale") if record else {}
            unknown = 0.0 if facts.get("alpha") else facts.get("unknown")
            own = Scale(
                facts.get("kind", kind) if facts.get("kind") in get_args(DepthKind) else kind,
                float(facts.get("offset", 0)),
                float(facts.get("step", 1)),
                unknown,
                facts.get("infinite"),
            )
            if found is None or found.unknown is None:
                found = (
                    replace(own, unknown=own.unknown)
                    if found is None
                    else replace(found, unknown=own.unknown)
                )
            if replace(own, unknown=None) != replace(found, unknown=None):
                raise OutputError(f"{shown(folder)}: {job.name} is on another scale than the rest")
    assert found is not None
    return found


def _codes(paths: Sequence[Path], scale: Scale) -> Iterator[NDArray[np.uint16]]:
    for path in paths:
        depth = read_depth_map(path, scale.kind)
        assert depth.numbers is not None
        codes = depth.numbers.astype(np.uint16)
        if depth.scale.alpha and scale.unknown is not None:
            codes = np.where(np.isfinite(depth.inverse), codes, np.uint16(scale.unknown))
        yield codes


def _remove(folder: Path) -> None:
    """Remove what is left of the frames; a file that somebody holds open harms nothing."""
    shutil.rmtree(folder, ignore_errors=True)
