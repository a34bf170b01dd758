"""What a test set is made of: frames that are read one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.types import Image, InstanceMap, InverseDepth, Mask


@dataclass(frozen=True)
class Sample:
    """One frame in memory; all arrays have the size of the true depth."""

    name: str
    image: Image  # (H, W, 3) in [0, 1]
    depth: InverseDepth  # (H, W) true inverse depth, NaN where unknown
    valid: NDArray[np.bool_]  # (H, W) where it is known
    # (H, W), 0 = none; or masks (H, W) in [0, 1], where they are files of their own.
    instances: InstanceMap | tuple[Mask, ...]
    # True foreground and background, in the unit of the depth, of sets with masks and layers.
    layers: tuple[InverseDepth, InverseDepth] | None = None

    @property
    def shown_mask(self) -> Mask | InstanceMap:
        """The instance map, or the union of the masks."""
        masks = self.instances
        return np.maximum.reduce(masks) if isinstance(masks, tuple) else masks


@dataclass(frozen=True)
class Frame:
    """One frame on disk.

    Parameters
    ----------
    name : str
        Unique in its set; a relative path with ``/``, without extension.
    image : Path
        The photo.
    inputs : tuple of (role, Path)
        The other files that `read` opens: ``depth``, ``instances``, ...; ``mask/1``
        and on, ``foreground``, ``background``.
    read : callable
        Reads the files; raises `InputFileError` where one is missing or damaged.
    """

    name: str
    image: Path
    inputs: tuple[tuple[str, Path], ...]
    read: Callable[[Frame], Sample]

    def path(self, role: str) -> Path | None:
        """Return the file of a role, None where the frame has none."""
        return dict(self.inputs).get(role)

    def sample(
        self,
        image: Image,
        depth: InverseDepth,
        instances: InstanceMap | tuple[Mask, ...] | None,
        layers: tuple[InverseDepth, InverseDepth] | None = None,
    ) -> Sample:
        """Put the arrays of a frame together; photo and instance map follow the depth's size.

        Masks and layers have it already.

        Raises
        ------
        InputFileError
            No depth is known, or the shapes do not fit.
        """
        size = depth.shape[1], depth.shape[0]
        valid = np.isfinite(depth)
        if not valid.any():
            raise InputFileError(f"{shown(self.path('depth') or self.name)}: no valid depth")
        if instances is None:
            instances = np.zeros(depth.shape, np.int32)
        elif not isinstance(instances, tuple):
            where = self.path("instances") or self.image
            instances = match_size(instances, size, what="instances", path=where)
        image = match_size(image, size, what="image", path=self.image)
        return Sample(self.name, image, depth, valid, instances, layers)


@dataclass(frozen=True)
class DepthDataset:
    """A test set: known by its frames, which are read when they are asked for.

    Parameters
    ----------
    key : str
        Name of the layout: ``generic``, ``tartanair``, ``tartanair2`` or ``hypersim``.
    title : str
        For reports: which frames these are.
    frames : tuple of Frame
        In a fixed order.
    masks : str
        Where `Sample.instances` come from, for reports.
    notes : tuple of str
        What a user should know about the choice of frames.
    paper_set : str or None
        ``hypersim`` or ``tartanair`` where the frames are the paper's, so that its published
        figures may stand beside the measured ones.
    options : tuple of (name, value)
        What else than the frames' files decides the samples.
    """

    key: str
    title: str
    frames: tuple[Frame, ...]
    masks: str = "instance maps of the set"
    notes: tuple[str, ...] = ()
    paper_set: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        """Read a frame.

        Raises
        ------
        InputFileError
            A file of the frame is missing or damaged.
        """
        frame = self.frames[index]
        return frame.read(frame)

    def __iter__(self) -> Iterator[Sample]:
        """Read one frame after the other."""
        return (frame.read(frame) for frame in self.frames)

    @property
    def has_layers(self) -> bool:
        """Whether true layers are known of any frame."""
        return any(frame.path("foreground") is not None for frame in self.frames)

    def limited(self, count: int | None) -> DepthDataset:
        """Return the set with its first ``count`` frames; all for None."""
        if count is None or count >= len(self):
            return self
        title = f"{self.title}, the first {count} of {len(self)}"
        return replace(self, title=title, frames=self.frames[:count], paper_set=None)
