"""Colours where a photo has none: smooth from all around, or with the texture of other places."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.types import Image

Plane = NDArray[np.float32]
Places = NDArray[np.intp]

_LEAST = np.float32(1e-9)  # weight of a pixel that is not known: it decides where none is
_SMOOTHINGS = 6  # steps at every size
_CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
_PATCH = 2  # pixels around the middle of a patch
_COARSEST = 32  # long side at which the search for texture begins
_FADING = 1.3  # by how much the trust in a patch falls with every pixel into the hole
_ROUNDS, _LAST_ROUNDS = 8, 3  # of search and vote at every size, and at the largest ones
_LARGE = 200  # long side from which on a round is slow and changes little


def smooth_fill(values: Plane, weights: Plane) -> Plane:
    """Fill a map from its weighted pixels, smoothly and without ringing.

    Push-pull: weighted averages of 2x2 pixels going down, linear interpolation going up (Gortler
    et al., "The Lumigraph", 1996, section 3.6.3), as `networks.completion.push_pull`, but without
    torch, whose start takes longer than all of this, and with some steps towards the harmonic
    function at every size, so that a gradient goes on as one.

    Parameters
    ----------
    values
        (H, W, C), finite.
    weights
        (H, W) in [0, 1]: a pixel of weight 1 keeps its value, one of weight 0 gets that of its
        nearest surroundings.

    Returns
    -------
    ndarray
        float32 (H, W, C), never outside the range of `values`.
    """
    height, width = weights.shape
    weights = np.maximum(weights, _LEAST)[..., None]
    if height == width == 1:
        return values
    half = (-(-width // 2), -(-height // 2))
    total = cv2.resize(weights, half, interpolation=cv2.INTER_AREA)[..., None]
    mean = cv2.resize(values * weights, half, interpolation=cv2.INTER_AREA)
    mean = mean.reshape(*total.shape[:2], -1) / total
    coarse = smooth_fill(mean, np.minimum(4 * total[..., 0], 1))
    filled = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    filled = filled.reshape(values.shape)
    known = weights * values
    for _ in range(_SMOOTHINGS):
        around = cv2.filter2D(filled, -1, _CROSS, borderType=cv2.BORDER_REPLICATE)
        filled = known + (1 - weights) * around.reshape(values.shape)
    return np.asarray(filled, np.float32)


def texture_sources(
    image: Image, hole: NDArray[np.bool_], barred: NDArray[np.bool_] | None = None
) -> tuple[Image, Places]:
    """Fill a hole with patches from elsewhere in the photo, coarse to fine.

    Every pixel of the hole looks for a place outside whose 5x5 surroundings are most like its own
    (the randomised search of Barnes et al., "PatchMatch", 2009), then takes the mean of what the
    patches around it say (Wexler et al., "Space-Time Completion of Video", 2007).

    Parameters
    ----------
    image
        (H, W, 3); of the hole nothing is read.
    hole
        (H, W).
    barred
        Pixels (H, W) that are no source, beside those of the hole.

    Returns
    -------
    filled, places
        (H, W, 3), equal to `image` outside the hole, and (H, W, 2): row and column of the place
        that each pixel was taken from, outside the hole its own.
    """
    height, width = hole.shape
    own = np.moveaxis(np.mgrid[:height, :width], 0, -1).copy()
    barred = hole if barred is None else barred | hole
    usable = _usable(barred)
    if not usable.any():  # then what is mixed must do
        barred, usable = hole, _usable(hole)
    if not hole.any() or not usable.any():
        return smooth_fill(image, (~hole).astype(np.float32)), own
    if max(height, width) >= 2 * _COARSEST:
        size = (-(-width // 2), -(-height // 2))
        share = cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        known = np.where(hole[..., None], 0, image)
        small = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
        small /= np.maximum(share, _LEAST)[..., None]
        clear = cv2.resize((~barred).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        coarse, places = texture_sources(small, share < 0.5, clear < 0.5)
        guess = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        places = places[own[..., 0] // 2, own[..., 1] // 2] * 2 + own % 2
    else:
        guess = smooth_fill(image, (~hole).astype(np.float32))
        places = own
    filled = np.where(hole[..., None], guess, image)
    return _Search(filled, hole, usable, places).run()


def _usable(hole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the middles of patches that lie outside the hole and inside the picture."""
    side = 2 * _PATCH + 1
    usable = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8)) == 0
    inside = np.zeros_like(hole)
    inside[_PATCH:-_PATCH, _PATCH:-_PATCH] = True
    return np.asarray(usable & inside)


class _Search:
    """The best place for each pixel of a hole, found by rounds of guesses; see `texture_sources`.

    Parameters
    ----------
    image, hole, usable
        The photo with a first guess in its hole, the hole, and the places to choose among.
    places
        (H, W, 2), first guesses of places, any.
    """

    def __init__(
        self,
        image: Image,
        hole: NDArray[np.bool_],
        usable: NDArray[np.bool_],
        places: Places,
    ) -> None:
        self._image, self._hole, self._usable = image.astype(np.float32), hole, usable
        self._random = np.random.default_rng(0)  # the same photo makes the same picture
        offsets = np.mgrid[-_PATCH : _PATCH + 1, -_PATCH : _PATCH + 1].reshape(2, -1).T
        self._around = offsets
        # A pixel's patch may reach into its surroundings, one step beyond the hole.
        side = 2 * _PATCH + 1
        wide = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        self._targets = np.argwhere(wide)
        self._index = np.full(hole.shape, -1, np.intp)
        self._index[wide] = np.arange(len(self._targets))
        inside = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
        # What lies beside the known decides; its say grows inwards, round by round.
        self._trust = np.float32(_FADING) ** -inside[wide]
        choices = np.argwhere(usable)
        self._anywhere = choices
        rows, columns = self._targets.T
        self._found = places[rows, columns].copy()
        bad = ~self._allowed(self._found)
        self._found[bad] = choices[self._random.integers(len(choices), size=int(bad.sum()))]

    def run(self) -> tuple[Image, Places]:
        """Return the filled photo and where each pixel came from."""
        for _ in range(_ROUNDS if max(self._hole.shape) < _LARGE else _LAST_ROUNDS):
            self._patches = self._patch_of(self._targets)
            self._costs = self._cost(self._found)
            self._improve()
            self._vote()
        height, width = self._hole.shape
        places = np.moveaxis(np.mgrid[:height, :width], 0, -1).copy()
        rows, columns = np.nonzero(self._hole)
        places[rows, columns] = self._found[self._index[rows, columns]]
        return self._image, places

    def _allowed(self, places: Places) -> NDArray[np.bool_]:
        height, width = self._hole.shape
        rows, columns = places.T
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
        return np.asarray(inside & self._usable[rows, columns])

    def _patch_of(self, places: Places) -> Plane:
        """Return what lies around places (N, 2) as (N, 25, 3)."""
        height, width = self._hole.shape
        rows = (places[:, None, 0] + self._around[:, 0]).clip(0, height - 1)
        columns = (places[:, None, 1] + self._around[:, 1]).clip(0, width - 1)
        return self._image[rows, columns]

    def _cost(self, places: Places, which: NDArray[Any] | None = None) -> Plane:
        patches = self._patches if which is None else self._patches[which]
        difference = self._patch_of(places) - patches
        return np.einsum("nkc,nkc->n", difference, difference)

    def _improve(self) -> None:
        """Try what the neighbours found, shifted as they lie, and places ever closer by."""
        for step in (4, 1):
            for shift in ((0, step), (0, -step), (step, 0), (-step, 0)):
                self._try(self._neighbours(np.array(shift)))
        reach = max(self._hole.shape)
        while reach >= 1:
            jumps = self._random.integers(-reach, reach + 1, size=self._found.shape)
            self._try(self._found + jumps)
            reach //= 3

    def _neighbours(self, shift: Places) -> Places:
        height, width = self._hole.shape
        places = self._targets + shift
        rows, columns = places[:, 0].clip(0, height - 1), places[:, 1].clip(0, width - 1)
        index = self._index[rows, columns]
        return np.where((index >= 0)[:, None], self._found[index] - shift, self._found)

    def _try(self, places: Places) -> None:
        changed = (places != self._found).any(axis=1) & self._allowed(places)
        which = np.flatnonzero(changed)
        costs = self._cost(places[which], which)
        better = costs < self._costs[which]
        self._found[which[better]] = places[which[better]]
        self._costs[which[better]] = costs[better]

    def _vote(self) -> None:
        """Give each pixel of the hole the mean of what the patches that cover it say."""
        total = np.zeros((*self._hole.shape, 3), np.float32)
        count = np.zeros(self._hole.shape, np.float32)
        scale = max(2 * float(np.median(self._costs)), 1e-6)
        weight = np.exp(-self._costs / np.float32(scale))
        weight = (weight + np.float32(1e-6)) * self._trust
        height, width = self._hole.shape
        said = self._patch_of(self._found)
        for i, offset in enumerate(self._around):
            rows, columns = (self._targets + offset).T
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            place = (rows[inside], columns[inside])  # no place twice: one offset moves all alike
            total[place] += weight[inside, None] * said[inside, i]
            count[place] += weight[inside]
        hole = self._hole & (count > 0)
        self._image[hole] = total[hole] / count[hole, None]
