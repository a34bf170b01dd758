"""Frames of a clip in their order: each is refined with what the ones before have shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskdepth_cli.commands.refine_worker import Loaded, Refined, RefineWorker
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.run.jobs import Job

if TYPE_CHECKING:
    from maskdepth_cli.commands.refine_request import RefineRequest
    from maskdepth_cli.engine.temporal import TemporalRefiner

LEAD = 8
"""Frames that are looked at before one whose predecessors an earlier run, or another shard, did."""


class ClipWorker(RefineWorker):
    """Refine the frames of a clip one after the other.

    Parameters
    ----------
    request, folder, method, decisive
        As for `RefineWorker`.
    jobs
        All frames of the clip in order, whoever refines them.
    read
        Reads one.
    """

    def __init__(
        self,
        request: RefineRequest,
        folder: Path,
        method: TemporalRefiner,
        decisive: Mapping[str, Any],
        jobs: Sequence[Job],
        read: Callable[[Job], Loaded],
    ) -> None:
        super().__init__(request, folder, method, decisive)
        self.at_once = self.batch_size = 1
        self._temporal = method
        self._jobs = jobs
        self._read = read
        self._places = {job.frame: place for place, job in enumerate(jobs)}
        self._last: int | None = None  # place of the frame that was refined last
        self._cuts: set[int | None] = set()

    def _compute(self, loaded: Sequence[Loaded]) -> list[Refined]:
        results = []
        for frame in loaded:
            place = self._places[frame.number]
            if self._last != place - 1:
                self._lead_to(place)
            before = self._temporal.cuts
            results += super()._compute([frame])
            if self._temporal.cuts > before:
                self._cuts.add(frame.number)
            self._last = place
        return results

    def _lead_to(self, place: int) -> None:
        """Look at the frames before one; those that cannot be read are passed over."""
        self._temporal.start()
        for job in self._jobs[max(place - LEAD, 0) : place]:
            try:
                super()._compute([self._read(job)])
            except InputFileError:
                continue

    def save(self, job: Job, result: Refined) -> dict[str, Any]:
        """Write a frame; its record says where another scene begins."""
        details = super().save(job, result)
        return details | {"cut": True} if job.frame in self._cuts else details
