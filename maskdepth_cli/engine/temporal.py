"""Frames of a clip, refined in order: both layers are carried along and agree from frame to frame.

The paper refines single images. What is added here is a memory of each layer: its depth and how
often it was seen. It moves with the layer's own motion, also behind what hides it, and each frame
confirms it, outvotes it or takes from it what it cannot see itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from maskdepth_cli.engine.compositing import Layers
from maskdepth_cli.engine.guides import Guide, Scene
from maskdepth_cli.engine.mask_edges import EdgeVotes
from maskdepth_cli.engine.motion import (
    Flow,
    Gray,
    Motion,
    find_motion,
    gray_of,
    inside,
    layer_motion,
    moved,
    well_within,
)
from maskdepth_cli.engine.passes import LayerPair
from maskdepth_cli.engine.refiner import Refiner
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.networks.completion import push_pull
from maskdepth_cli.networks.config import DEPTH_RANGE
from maskdepth_cli.types import Mask

ALIKE = 0.015 * DEPTH_RANGE  # depths that differ by less confirm each other
COMPLETED = 0.005  # weight of a depth that was completed, beside 1 of one that is trusted
SEEN = 0.4  # weight from which on a memory was seen, not only completed
LASTING = 0.97  # what a frame leaves of the weight of what it does not see
MOST = 8.0  # weight of a memory: so many frames must contradict it
CLEAR = (
    0.04  # of the long side, from the mask's boundary on: beyond, the given depth is kept anyway
)
SMOOTH = 0.001  # weight of a pixel's own change of scale: that of its surroundings counts
CHANGED = 0.03  # of white, by which a pixel may differ from the one it came from
NOISE = 0.7  # pixels: sigma of what both are smoothed by before
DOUBTED = 0.05  # of a memory's weight where the photo has changed
LEAST_SIDE = 16  # pixels: flow of smaller frames is not found

Map = NDArray[np.float32]  # (h, w)


@dataclass(frozen=True)
class Memory:
    """A layer as earlier frames have seen it; (h, w) each."""

    values: Map  # inverse depth in [0, 10]
    weights: Map  # 0: nothing is known

    def moved(self, flow: Flow, weight: Map) -> Memory:
        """Return the memory where the layer is now; ``weight`` is what is left of its weights."""
        left = moved(self.weights, flow) * weight * inside(flow)
        return Memory(moved(self.values, flow), left.astype(np.float32))

    def fused(self, values: Map, trust: Map, clear: NDArray[np.bool_]) -> Memory:
        """Return the memory after a frame.

        Where both agree they are averaged by weight. Where not, the weightier one is taken, and
        its weight falls by the other's: what is seen once does not outvote what was seen often, and
        does so when it is seen again (Boyer and Moore, "MJRTY", 1991).

        Parameters
        ----------
        values, trust : ndarray
            (h, w) the frame's layer, and how far it was seen rather than completed, in [0, 1].
        clear : ndarray
            (h, w), where the frame's own is taken as it is.
        """
        own = COMPLETED + trust**2  # what is half believed hardly counts
        old = self.weights
        remembered = self.values + self._drift(values, trust)
        near = np.abs(remembered - values) < ALIKE
        mean = (old * remembered + own * values) / (old + own)
        kept = ~near & (own <= old) & (old > SEEN)
        fused = np.where(
            kept, remembered, np.where(near | (np.maximum(old, own) <= SEEN), mean, values)
        )
        weights = np.where(near, np.minimum(LASTING * old + own, MOST), np.abs(old - own))
        weights = np.where(clear, np.minimum(old + own, MOST), weights)
        return Memory(np.where(clear, values, fused).astype(np.float32), weights.astype(np.float32))

    def _drift(self, values: Map, trust: Map) -> Map:
        """Return by how much what is known in both has changed, continued over all pixels."""
        change = values - self.values
        weight = SMOOTH * trust * np.minimum(self.weights, 1) * (np.abs(change) < ALIKE)
        if not weight.any():
            return np.zeros_like(change)
        return _filled(change, weight)


@dataclass(frozen=True)
class _Layers:
    """Both layers of a frame over all of it, and how far they were seen; (h, w) each."""

    foreground: Map
    background: Map
    front_trust: Map
    back_trust: Map
    mask: Mask


@dataclass(frozen=True)
class _State:
    gray: Gray
    mask: Mask
    foreground: Memory
    background: Memory
    votes: EdgeVotes  # of this frame and those it goes on from


class TemporalRefiner(Refiner):
    """Refines the frames of a clip in their order, as `Refiner` does photos, without flicker.

    Every call of `refine` or `refine_many` goes on from the frame before; `start` forgets it.
    Memory does not grow with the number of frames. Frames of one mask each: several masks, and
    panoramas, are refined frame by frame. Give `RefineSettings.whole_range`, the clip's range of
    inverse depth: without it every frame has its own scale, and nothing is remembered between two
    of different scale.

    Parameters
    ----------
    network, settings
        As for `Refiner`.

    Attributes
    ----------
    cuts
        How many frames began anew since they showed another scene than the one before.
    """

    def __init__(self, network: nn.Module, settings: RefineSettings | None = None) -> None:
        super().__init__(network, settings)
        self.cuts = 0
        self._state: _State | None = None
        self._scale: tuple[float, float] | None = None

    def start(self) -> None:
        """Forget all frames: the next one is refined as a photo is."""
        self._state = None

    def _layers(self, guides: Sequence[Guide], scenes: Sequence[Scene | None]) -> dict[int, Layers]:
        """Layers of every frame, fused with those of the frames before."""
        trusted = self._passes.trusted_layers(guides)
        layers: dict[int, Layers] = {}
        for index, (guide, scene) in enumerate(zip(guides, scenes, strict=True)):
            if scene is None:
                continue
            whole = self._whole(guide, scene, trusted.get(index))
            state = self._next(scene, whole)
            if guide.view is not None:
                window = guide.view.window.small
                pair = state.foreground.values[window], state.background.values[window]
                layers[index] = self._with_edges(guide.view, pair, state.votes)
        return layers

    def _whole(
        self, guide: Guide, scene: Scene, found: tuple[LayerPair, LayerPair] | None
    ) -> _Layers:
        """Put the layers of a window into the frame; what lies beyond it is background, seen."""
        small = scene.scaled.small
        mask = np.full(small.shape, float(guide.mask.flat[0] > 0), np.float32)
        layers = _Layers(small.copy(), small.copy(), mask.copy(), 1 - mask, mask)
        if found is not None and guide.view is not None:
            place = guide.view.window.small
            mask[:] = 0
            layers.front_trust[:], layers.back_trust[:] = 0, 1
            mask[place] = guide.view.mask
            (layers.foreground[place], layers.background[place]) = found[0]
            (layers.front_trust[place], layers.back_trust[place]) = found[1]
        return layers

    def _next(self, scene: Scene, layers: _Layers) -> _State:
        """Fuse a frame's layers with the memory; remember them."""
        gray, scale = gray_of(scene.rgb), (scene.scaled.low, scene.scaled.unit)
        motion = self._motion(gray, scale)
        mask, before = layers.mask, self._state
        pairs = (
            (layers.foreground, layers.front_trust, mask),
            (layers.background, layers.back_trust, 1 - mask),
        )
        if motion is None or before is None:
            front, back = (Memory(values, COMPLETED + trust**2) for values, trust, _ in pairs)
            votes = EdgeVotes()
        else:
            votes = before.votes
            votes.next_frame()
            reach = max(round(CLEAR * max(mask.shape)), 1)
            sides = ((before.foreground, before.mask), (before.background, 1 - before.mask))
            front, back = (
                _carried(memory, motion, region, side, gray, before.gray).fused(
                    values, trust, well_within(region, reach)
                )
                for (memory, side), (values, trust, region) in zip(sides, pairs, strict=True)
            )
        self._state, self._scale = _State(gray, mask, front, back, votes), scale
        return self._state

    def _motion(self, gray: Gray, scale: tuple[float, float]) -> Motion | None:
        """Return the motion since the frame before; None where nothing can be carried along."""
        before = self._state
        if before is None or before.gray.shape != gray.shape or min(gray.shape) < LEAST_SIDE:
            return None
        if scale != self._scale:
            return None
        motion = find_motion(gray, before.gray)
        if motion.is_cut:
            self.cuts += 1
            return None
        return motion


def _carried(
    memory: Memory,
    motion: Motion,
    region: Mask,
    side: Mask,
    gray: Gray,
    before: Gray,
) -> Memory:
    """Move a layer's memory to where the layer is now; doubt it where the photo has changed."""
    flow = layer_motion(motion, (gray, before), (region, side))
    seen = (region > 0.5) & (moved(side, flow) > 0.5)
    now, then = (cv2.GaussianBlur(one.astype(np.float32), (0, 0), NOISE) for one in (gray, before))
    changed = seen & (np.abs(now - moved(then, flow)) > 255 * CHANGED)
    return memory.moved(flow, np.where(changed, np.float32(DOUBTED), np.float32(1)))


def _filled(values: Map, weights: Map) -> Map:
    filled = push_pull(
        torch.from_numpy(np.ascontiguousarray(values, np.float32))[None, None],
        torch.from_numpy(np.ascontiguousarray(weights, np.float32))[None, None],
    )
    return filled[0, 0].numpy()
