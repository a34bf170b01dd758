"""The initial depth of an evaluation: maps in a folder, or a depth network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.datasets.samples import DepthDataset, Frame, Sample
from maskdepth_cli.errors import InputFileError, NothingToDoError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.pairing.matching import DEPTH_SUFFIXES, InputFile, pair
from maskdepth_cli.types import InverseDepth
from maskdepth_cli.weights.registry import HUGGING_FACE


@dataclass(frozen=True)
class DepthMaps:
    """Depth maps in a folder, found by the names of a set's frames."""

    folder: Path
    kind: DepthKind
    unknown: float | None  # the number of unknown pixels
    paths: Mapping[str, Path]  # by the name of the frame

    @classmethod
    def of(
        cls,
        dataset: DepthDataset,
        folder: Path,
        kind: DepthKind = "inverse",
        unknown: float | None = None,
    ) -> DepthMaps:
        """Look for the map of every frame: ``FOLDER/NAME.png`` (tiff, npy, npz, pfm, exr).

        Raises
        ------
        NothingToDoError
            The folder does not exist, or holds no map of any frame.
        """
        if not folder.is_dir():
            raise NothingToDoError(f"{shown(folder)}: no such folder")
        inputs = {frame.name: _input(frame) for frame in dataset.frames}
        found = pair(list(inputs.values()), folder, DEPTH_SUFFIXES).paired
        paths = {name: found[photo][0] for name, photo in inputs.items() if photo in found}
        if not paths:
            example = dataset.frames[0].name if dataset.frames else "NAME"
            raise NothingToDoError(
                f"{shown(folder)}: no map of any frame; expected for example {example}.png"
            )
        return cls(folder, kind, unknown, paths)

    def __call__(self, sample: Sample) -> InverseDepth:
        """Read the map of a frame, at the size of its true depth.

        Raises
        ------
        InputFileError
            There is none, or it is damaged.
        """
        path = self.paths.get(sample.name)
        if path is None:
            raise InputFileError(f"{shown(self.folder)}: no map named {sample.name}")
        height, width = sample.depth.shape
        depth = read_depth(path, self.kind, unknown=self.unknown)
        return match_size(depth, (width, height), what="depth", path=path)


def initial_folder(initial: str | None) -> Path | None:
    """Tell a folder of maps from the name of a depth network.

    Raises
    ------
    NothingToDoError
        It looks like a path but is none.
    """
    if initial is None:
        return None
    path = Path(initial)
    if path.is_dir():
        return path
    if not path.exists() and len(path.parts) > 1 and not initial.startswith(HUGGING_FACE):
        raise NothingToDoError(f"{shown(path)}: no such folder")
    return None


def _input(frame: Frame) -> InputFile:
    return InputFile(frame.image, Path(frame.name + frame.image.suffix))
