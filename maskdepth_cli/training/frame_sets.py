"""RGB-D sets in their original layouts as frames to train on, and mixtures of sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from maskdepth_cli.datasets.samples import DepthDataset
from maskdepth_cli.training.memory import Remembered
from maskdepth_cli.training.sources import TrainingFrame, draw_readable


class Frames(Protocol):
    """What samples are drawn from."""

    name: str  # for messages

    def draw(self, rng: np.random.Generator) -> TrainingFrame:
        """Draw a frame; a pure function of the generator's state and the files."""

    @property
    def labelled(self) -> Frames | None:
        """The part of it that has instance maps, None where nothing has."""


class DatasetFrames:
    """The frames of a data set, each equally likely.

    Parameters
    ----------
    dataset : DepthDataset
        Any layout of `maskdepth_cli.datasets`; its id 0 is no instance and no sky.
    """

    def __init__(self, dataset: DepthDataset) -> None:
        self.dataset, self.name = dataset, dataset.title
        self.frame = Remembered(self._read)

    def __len__(self) -> int:
        return len(self.dataset)

    def draw(self, rng: np.random.Generator) -> TrainingFrame:
        """Draw a frame; one that cannot be read is drawn again."""
        return draw_readable(self.frame, len(self), rng)

    @property
    def labelled(self) -> DatasetFrames | None:
        """Itself, if its frames have instance maps."""
        return None if self.dataset.frames[0].path("instances") is None else self

    def _read(self, index: int) -> TrainingFrame:
        sample = self.dataset[index]
        ids = None
        has_ids = self.dataset.frames[index].path("instances") is not None
        if has_ids and not isinstance(sample.instances, tuple):
            ids = np.where(sample.instances > 0, sample.instances, -1).astype(np.int32)
        return TrainingFrame(np.rint(sample.image * 255).astype(np.uint8), sample.depth, ids)


class FrameMixture:
    """Several sets: a set by its weight, then one of its frames.

    Parameters
    ----------
    sets : sequence of Frames
        At least one.
    weights : sequence of float
        Above 0, in any scale.
    """

    def __init__(self, sets: Sequence[Frames], weights: Sequence[float]) -> None:
        self.sets, self.weights = tuple(sets), tuple(weights)
        self.name = ", ".join(part.name for part in sets)
        self.shares = np.array(weights, np.float64) / sum(weights)

    def draw(self, rng: np.random.Generator) -> TrainingFrame:
        """Draw a set, then a frame."""
        return self.sets[int(rng.choice(len(self.sets), p=self.shares))].draw(rng)

    @property
    def labelled(self) -> Frames | None:
        """The mixture of those that have instance maps."""
        pairs = zip(self.sets, self.weights, strict=True)
        parts = [(part.labelled, weight) for part, weight in pairs]
        return mixture([(part, weight) for part, weight in parts if part is not None])


def mixture(parts: Sequence[tuple[Frames, float]]) -> Frames | None:
    """Mix sets by weight; a single one is itself, none is None."""
    if len(parts) < 2:
        return parts[0][0] if parts else None
    sets, weights = zip(*parts, strict=True)
    return FrameMixture(sets, weights)
