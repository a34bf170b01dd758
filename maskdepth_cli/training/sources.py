"""RGB-D frames to train on: folders of colour, inverse depth and, where known, instances."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.errors import InputFileError, NothingToDoError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.metrics.alignment import align
from maskdepth_cli.training.memory import Remembered
from maskdepth_cli.types import InstanceMap, InverseDepth

T = TypeVar("T")
ATTEMPTS = 100  # files that cannot be read in a row before that is the end


@dataclass(frozen=True)
class TrainingFrame:
    """One decoded frame."""

    rgb: NDArray[np.uint8]  # (H, W, 3)
    depth: InverseDepth  # (H, W), any scale, not finite where unknown
    instances: InstanceMap | None  # (H, W), 0 = none (sky), below 0 = unlabelled
    initial: InverseDepth | None = None  # (H, W), a SIDE network's, aligned to ``depth``


class FrameFolder:
    """``ROOT/{rgb,depth,seg,initial}/NAME.*``: the generic layout; the last two may be missing.

    Parameters
    ----------
    *roots : Path
        Folders of these folders, together one set; ``initial`` holds what a SIDE network made of
        the colour image, as inverse depth in any scale and offset.
    kind : {"inverse", "depth"}
        What the depth files hold.

    Raises
    ------
    NothingToDoError
        No pair of colour and depth lies in one of them.
    """

    def __init__(self, *roots: Path, kind: DepthKind = "inverse") -> None:
        self.name = ", ".join(map(str, roots))
        self.kind = kind
        self.files = [files for root in roots for files in _list(root)]
        self.frame = Remembered(self._read)

    def __len__(self) -> int:
        return len(self.files)

    def draw(self, rng: np.random.Generator) -> TrainingFrame:
        """Draw a frame; one that cannot be read is drawn again."""
        return draw_readable(self.frame, len(self), rng)

    @property
    def labelled(self) -> FrameFolder | None:
        """Itself, if there are instance maps."""
        return self if any(files.seg for files in self.files) else None

    def _read(self, index: int) -> TrainingFrame:
        files = self.files[index]
        depth = read_depth(files.depth, self.kind)
        return TrainingFrame(
            rgb=np.rint(read_image(files.rgb) * 255).astype(np.uint8),
            depth=depth,
            instances=None if files.seg is None else read_instance_map(files.seg),
            initial=None if files.initial is None else _aligned(files.initial, depth),
        )


def draw_readable(read: Callable[[int], T], count: int, rng: np.random.Generator) -> T:
    """Read the file of a random index; one that cannot be read is named once and drawn again.

    Parameters
    ----------
    read : callable
        Of an index below ``count``.
    count : int
        Number of files.

    Raises
    ------
    InputFileError
        None of `ATTEMPTS` could be read.
    """
    for attempt in range(ATTEMPTS):
        try:
            return read(int(rng.integers(count)))
        except InputFileError as error:
            if attempt == ATTEMPTS - 1:
                raise
            _name_once(str(error))
    raise AssertionError


@cache
def _name_once(problem: str) -> None:
    logging.getLogger(__name__).warning("%s; another is drawn", problem)


class _Files(NamedTuple):
    rgb: Path
    depth: Path
    seg: Path | None
    initial: Path | None


def _aligned(path: Path, depth: InverseDepth) -> InverseDepth:
    initial = read_depth(path, "inverse")
    return align(initial, depth, np.isfinite(initial) & np.isfinite(depth)).astype(np.float32)


def _list(root: Path) -> list[_Files]:
    depths, segs, initial = (_by_stem(root / name) for name in ("depth", "seg", "initial"))
    files = [
        _Files(image, depths[stem], segs.get(stem), initial.get(stem))
        for stem, image in sorted(_by_stem(root / "rgb").items())
        if stem in depths
    ]
    if not files:
        raise NothingToDoError(
            f"{root}: no frames; expected {root}/rgb/NAME.jpg with {root}/depth/NAME.png"
        )
    return files


def _by_stem(folder: Path) -> dict[str, Path]:
    return {p.stem: p for p in folder.iterdir() if p.is_file()} if folder.is_dir() else {}
