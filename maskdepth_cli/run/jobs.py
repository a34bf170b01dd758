"""A job is data: which files one photo is made from, and which files it makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Job:
    """The work on one photo.

    Parameters
    ----------
    name
        Path of the photo relative to its input folder, with `/`; the key of its manifest line.
    image
        The photo.
    inputs
        Role to file of everything else that is read: `depth`, `mask`, `mask/1`, `instances`.
    outputs
        Role to path relative to the target folder of everything that is written; the first one is
        the depth map itself, others are `preview`, `foreground`, `background`, `mask`.
    """

    name: str
    image: Path
    inputs: tuple[tuple[str, Path], ...]
    outputs: tuple[tuple[str, str], ...]

    def sources(self) -> tuple[tuple[str, Path], ...]:
        """Return role and path of every file the job reads, the photo first."""
        return (("image", self.image), *self.inputs)

    def paths(self, kind: str) -> list[Path]:
        """Return the input files whose role is `kind` or `kind/...`, in order."""
        return [path for role, path in self.inputs if role.partition("/")[0] == kind]

    def output(self, role: str) -> str | None:
        """Return the path relative to the target folder of one output, None where not asked for."""
        return dict(self.outputs).get(role)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that cannot be worked on, and why."""

    name: str
    image: Path
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Parameters
    ----------
    jobs
        In the order of the inputs.
    left_out
        Photos without a job; each counts as a failed file.
    notes
        What the user should know and that fails nothing, such as masks without a photo.
    """

    jobs: tuple[Job, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
