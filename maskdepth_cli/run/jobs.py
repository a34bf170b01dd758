"""A job is data: which files one photo is made from, and which files it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, init=False)
class Job:
    """The work on one photo; paths are kept as text, since a run may have a million.

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
    frame
        Its number, where the photo is one of a clip: files may hold many of them.
    """

    name: str
    photo: str
    files: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    frame: int | None

    def __init__(
        self,
        name: str,
        image: str | Path,
        inputs: Sequence[tuple[str, str | Path]],
        outputs: tuple[tuple[str, str], ...],
        frame: int | None = None,
    ) -> None:
        files = tuple((role, str(path)) for role, path in inputs)
        for field, value in (
            ("name", name),
            ("photo", str(image)),
            ("files", files),
            ("outputs", outputs),
            ("frame", frame),
        ):
            object.__setattr__(self, field, value)

    @property
    def image(self) -> Path:
        """The photo."""
        return Path(self.photo)

    @property
    def inputs(self) -> tuple[tuple[str, Path], ...]:
        """Role and file of everything else that is read."""
        return tuple((role, Path(path)) for role, path in self.files)

    def sources(self) -> tuple[tuple[str, Path], ...]:
        """Return role and path of every file the job reads, the photo first."""
        return (("image", self.image), *self.inputs)

    def paths(self, kind: str) -> list[Path]:
        """Return the input files whose role is `kind` or `kind/...`, in order."""
        return [Path(path) for role, path in self.files if role.partition("/")[0] == kind]

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
    in_order
        Whether the photos are frames of one clip: shards take neighbours then.
    """

    jobs: tuple[Job, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    in_order: bool = False
