"""The pass over a clip before the work: its range of depth and, where wanted, its frames' gains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from maskdepth_cli.arrays import value_range
from maskdepth_cli.choices import DepthKind
from maskdepth_cli.clips.aligning import AS_GIVEN, Aligner, Gain
from maskdepth_cli.clips.reading import DepthFrames, MaskFrames, PhotoFrames
from maskdepth_cli.errors import InputFileError, UsageError
from maskdepth_cli.files.depths import DepthMap
from maskdepth_cli.kinds import inverse_of


@dataclass(frozen=True)
class Survey:
    """What holds for all frames of a clip.

    Attributes
    ----------
    whole_range : tuple of float or None
        The lowest and the highest inverse depth of all frames, aligned; None where none is known.
    gains : mapping of int to Gain
        By which a frame's inverse depth is aligned; those that are not in it stay as they are.
    restarts : tuple of int
        Frames that could not be compared with the one before.
    """

    whole_range: tuple[float, float] | None
    gains: Mapping[int, Gain] = field(default_factory=dict)
    restarts: tuple[int, ...] = ()

    def aligned(self, number: int, depth: DepthMap) -> DepthMap:
        """Return a frame's depth on the clip's scale."""
        gain = self.gains.get(number, AS_GIVEN)
        if gain == AS_GIVEN:
            return depth
        return replace(depth, inverse=gain.of(depth.inverse), numbers=None)


@dataclass(frozen=True)
class Surveyed:
    """A clip's roles, and which frame of each belongs to a frame of the photos.

    Attributes
    ----------
    photos, masks, depths
        What is read; masks are None where instance maps take their place.
    mask_of, depth_of : mapping of int to int
        Partners of the photos' frames.
    """

    photos: PhotoFrames
    masks: MaskFrames | None
    depths: DepthFrames
    mask_of: Mapping[int, int]
    depth_of: Mapping[int, int]


def survey(
    clip: Surveyed, *, align: bool, steps: Callable[[Iterable[int]], Iterable[int]] = iter
) -> Survey:
    """Go through a clip once; one frame is held at a time.

    Frames that cannot be read are passed over: they fail when their turn comes.

    Parameters
    ----------
    clip : Surveyed
        All of its frames, whichever are wanted.
    align : bool
        Whether each frame's depth is brought to the scale and shift of the frame before.
    steps : callable
        Passes the numbers on, and may show how far the pass is.
    """
    low, high = np.inf, -np.inf
    aligner = Aligner()
    gains: dict[int, Gain] = {}
    restarts: list[int] = []
    for number in steps(sorted(clip.depth_of)):
        try:
            depth = clip.depths.read(clip.depth_of[number]).inverse
            gain = AS_GIVEN
            if align and clip.masks is not None and number in clip.mask_of:
                mask = clip.masks.read(clip.mask_of[number])
                gain, compared = aligner.add(clip.photos.read(number), depth, mask)
                if not compared:
                    restarts.append(number)
        except InputFileError:
            continue
        if gain != AS_GIVEN:
            gains[number] = gain
        ends = value_range(depth, np.isfinite(depth))
        low, high = (
            min(low, float(gain.of(np.float32(ends[0])))),
            max(high, float(gain.of(np.float32(ends[1])))),
        )
    return Survey((low, high) if low < high else None, gains, tuple(restarts))


def declared_range(given: tuple[float, float], kind: DepthKind) -> tuple[float, float]:
    """Return a range in the numbers of depth maps as inverse depth.

    Raises
    ------
    UsageError
        Distances begin with 0 or below.
    """
    if kind == "depth" and given[0] <= 0:
        raise UsageError("--depth-range: distances begin above 0; their nearest comes first")
    ends = sorted(float(end) for end in inverse_of(np.array(given, np.float32), kind))
    return ends[0], ends[1]
