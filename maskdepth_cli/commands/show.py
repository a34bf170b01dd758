"""`show`: depth maps of photos side by side, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.commands.job_masks import read_masks
from maskdepth_cli.commands.show_request import ShowRequest
from maskdepth_cli.commands.wanted import depth_maps, masks_or_instances
from maskdepth_cli.errors import ExitCode, InputFileError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.metrics.alignment import align, normalise_truth
from maskdepth_cli.pairing.mask_files import LazyMasks
from maskdepth_cli.run.gathering import Wanted, gather, photo_pixels
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.planning import Layout
from maskdepth_cli.run.runner import run, run_where_it_lies
from maskdepth_cli.settings import decisive
from maskdepth_cli.types import Image, InstanceMap, InverseDepth, Mask
from maskdepth_cli.viewing.comparison import comparison_panel
from maskdepth_cli.viewing.pictures import write_picture


def show_files(request: ShowRequest, options: RunOptions) -> ExitCode:
    """Draw depth maps in files side by side.

    Raises
    ------
    UsageError, NothingToDoError, OutputError
        Before any work; see docs/exit-codes.md.
    """
    return run_where_it_lies(request, options, _show_here)


def _show_here(request: ShowRequest, options: RunOptions) -> ExitCode:
    plan = gather(
        request.inputs,
        _wanted(request),
        Layout("png", role="picture"),
        options.folder,
        dry_run=options.dry_run,
    )
    plan = replace(plan, notes=())  # a run's folder holds layers and previews besides
    outside = options.stage.outside if options.stage else str
    captions = [shown(outside(str(place))) for place in (request.before, *request.afters)]
    return run(
        plan,
        lambda: ShowWorker(request, options.folder, captions),
        options,
        {**decisive(request), "captions": captions},
        photo_pixels(request.max_megapixels),
    )


def _wanted(request: ShowRequest) -> list[Wanted]:
    """Return what every photo needs.

    Raises
    ------
    UsageError
        There are masks and instance maps.
    """
    found = [depth_maps("before", request.before, request.depth_suffix)]
    for index, folder in enumerate(request.afters, start=1):
        found.append(depth_maps(f"after/{index}", folder, option=""))
    found += masks_or_instances(request.masks, request.instances, request.mask_suffix)
    if request.truth:
        found.append(depth_maps("truth", request.truth, noun="true depth map", option=""))
    return found


@dataclass(frozen=True)
class Shown:
    """One photo with its maps, all of its size; the maps aligned to the truth if there is one."""

    image: Image
    before: InverseDepth
    afters: tuple[InverseDepth, ...]
    mask: Mask | InstanceMap | None
    truth: InverseDepth | None


class ShowWorker:
    """Draw comparisons.

    Parameters
    ----------
    request
        What is compared, and how it looks.
    folder
        The target folder.
    captions
        What stands above the maps, that of the first ones first.
    """

    batch_size = at_once = 1

    def __init__(self, request: ShowRequest, folder: Path, captions: Sequence[str]) -> None:
        self._captions = captions
        self._request = request
        self._folder = folder

    def load(self, job: Job) -> Shown:
        """Read a photo and its maps."""
        request, limit = self._request, self._request.max_megapixels
        image = read_image(job.image, max_megapixels=limit)
        size = (image.shape[1], image.shape[0])

        def depths(role: str, kind: DepthKind) -> list[InverseDepth]:
            maps = (
                (read_depth(p, kind, unknown=request.unknown, max_megapixels=limit), p)
                for p in job.paths(role)
            )
            return [match_size(depth, size, what="depth", path=path) for depth, path in maps]

        maps = [*depths("before", request.depth_kind), *depths("after", request.depth_kind)]
        truth = None
        for true in depths("truth", request.truth_kind):
            if not (valid := np.isfinite(true)).any():
                raise InputFileError(f"{shown(job.name)}: its true depth is nowhere known")
            truth = normalise_truth(true, valid).astype(np.float32)
            maps = [_aligned(depth, truth, job.name) for depth in maps]
        return Shown(image, maps[0], tuple(maps[1:]), self._mask(job, size), truth)

    def _mask(self, job: Job, size: tuple[int, int]) -> Mask | InstanceMap | None:
        """Return a photo's instance map, or what its masks cover together; None without any."""
        found = read_masks(job, size, max_megapixels=self._request.max_megapixels)
        if not isinstance(found, LazyMasks):
            return found
        covered = None
        for mask in found:
            covered = mask if covered is None else np.maximum(covered, mask)
        return covered

    def compute(self, loaded: Sequence[Shown]) -> list[Shown]:
        """Leave the drawing to the threads that write."""
        return list(loaded)

    def save(self, job: Job, result: Shown) -> dict[str, Any]:
        """Draw and write a comparison."""
        request = self._request
        before, *after = self._captions
        picture = comparison_panel(
            result.image,
            (before, result.before),
            list(zip(after, result.afters, strict=True)),
            mask=result.mask,
            truth=result.truth,
            crops=request.crops,
            colormap=request.colormap,
        )
        for _, place in job.outputs:
            write_picture(self._folder / place, picture)
        return {"size": [result.image.shape[1], result.image.shape[0]]}


def _aligned(depth: InverseDepth, truth: InverseDepth, name: str) -> InverseDepth:
    """Fit a map to the truth by least squares where both are known."""
    known = np.isfinite(depth)
    if not (valid := known & np.isfinite(truth)).any():
        raise InputFileError(f"{shown(name)}: nowhere are its depth and its true depth both known")
    fitted = align(np.where(known, depth, 0), truth, valid)
    return np.where(known, fitted, np.nan).astype(np.float32)
