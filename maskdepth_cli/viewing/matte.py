"""Colours of what a mask covers and of what lies behind it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import strips, white
from maskdepth_cli.types import Image, Mask, Photo
from maskdepth_cli.viewing.fills import smooth_fill, texture_sources

Place = tuple[slice, slice]
Planes = NDArray[np.float32]  # (C, H, W): arithmetic with masks (H, W) is four times as fast so

_SMALL = 1024  # long side at which smooth colours are worked out
_BLOCK = 256  # side of what is worked on together, in pixels: as much as a cache holds
_TEXTURE = 320  # long side at which texture is looked for
_RIM = 2  # pixels beyond the mask that may still show the object, at 1024 pixels
_SEEN, _HIDDEN = 0.5, 0.7  # largest alpha within the rim that shows what lies behind, and hardly
_COVERED = 0.9  # alpha from which on a pixel tells nothing of what lies behind it
_BARRED = 0.35  # largest alpha within the rim from which on a pixel is no source of texture
_PURE = 6  # power of a pixel's share in first guesses
_REACHES = (40, 20, 10, 5, 3)  # of the means that better guesses are, in pixels of the small size
_LEAST = np.float32(1e-4)
_EMPTY = np.float32(1 / 512)  # alpha that is none: half of the least of 8 bits
_SOLVED = 0.25  # alpha up to which the background is what the object leaves; the plate from 1 less
_NO_OBJECT = 0.02  # below this alpha a pixel tells nothing of the object


@dataclass(frozen=True)
class Colors:
    """Colours of a part of a photo, each float32 (h, w, 3) in [0, 1], none premultiplied.

    Parameters
    ----------
    foreground
        The object's own: mixed pixels without the background, continued where alpha is 0.
    background
        What lies behind, as in the photo where alpha is 0, continued where alpha is 1.
    clean
        What lies behind, without the pixels beside the mask that may still show the object, and
        smooth where it is hidden: to be blurred.
    plate
        The same with texture where it is hidden, if that was asked for: to be seen.
    """

    foreground: Image
    background: Image
    clean: Image
    plate: Image


class LayerColors:
    """Separates a photo into the colours of two layers, part by part.

    The photo is ``alpha * foreground + (1 - alpha) * background`` in its own values, which leaves
    the two open. First guesses are smooth: the colours of pixels that one side has almost to
    itself, continued into the other. What they do not explain of a mixed pixel is divided between
    them, so that a hazy mask of small alpha leaves its detail to the background, and the detail of
    a strand of hair goes to the object; means of what this gives, over smaller and smaller
    squares, are the next guesses. The form of Forte, "Approximate Fast Foreground Colour
    Estimation", 2021, with the shares as variances.

    Parameters
    ----------
    photo
        (H, W, 3).
    mask
        (H, W) in [0, 1].
    """

    def __init__(self, photo: Photo, mask: Mask) -> None:
        self._photo, self._mask = photo, mask
        self._white = white(photo)
        self._factor = -(-max(mask.shape) // _SMALL)
        self._rim = _RIM * self._factor
        self._guesses = self._smooth()

    def part(self, place: Place, *, textured: bool = False) -> Colors:
        """Return the colours of a part of the photo, as views of planes (3, h, w)."""
        photo, near = self._samples(place), self._near(place)
        own = np.empty_like(photo)
        background, clean, plate = (photo.copy() if near.any() else photo for _ in range(3))
        for rows, columns in itertools.product(*(strips(0, side, _BLOCK) for side in near.shape)):
            here = (slice(None), rows, columns)
            block = _moved(rows, place[0].start), _moved(columns, place[1].start)
            own[here] = self._large(self._guesses[0], block)
            if not near[rows, columns].any():
                continue
            behind = self._large(self._guesses[1], block)
            alpha, largest = self._mask[block], near[rows, columns]
            foreground, found = _explained(photo[here], alpha, own[here], behind)
            np.copyto(foreground, photo[here], where=alpha >= 1)
            sure = np.minimum(((1 - largest) / np.maximum(1 - alpha, _LEAST)) ** 2, 1)
            np.copyto(clean[here], behind + sure * (found - behind), where=largest > 0)
            plate[here] = clean[here]
            hidden = np.clip((largest - _SEEN) / (_HIDDEN - _SEEN), 0, 1)
            if textured and hidden.any():
                plate[here] += hidden * (self._texture(block) - clean[here])
            own[here], background[here] = _solved(photo[here], alpha, foreground, plate[here])
        return Colors(*(np.moveaxis(planes, 0, 2) for planes in (own, background, clean, plate)))

    def find_texture(self) -> None:
        """Look for texture now: parts with texture may then be asked for side by side."""
        _ = self._found

    def whole(self, *, textured: bool = False) -> Colors:
        """Return the colours of all of the photo."""
        found = self.part(
            (slice(0, self._mask.shape[0]), slice(0, self._mask.shape[1])), textured=textured
        )
        return Colors(
            *map(
                np.ascontiguousarray, (found.foreground, found.background, found.clean, found.plate)
            )
        )

    def _samples(self, place: Place) -> Planes:
        """Return a part of the photo in [0, 1]."""
        return np.divide(
            np.moveaxis(self._photo[place], 2, 0), self._white, dtype=np.float32, order="C"
        )

    def _near(self, place: Place) -> Mask:
        """Return the largest alpha within the rim."""
        outer = []
        for part, size in zip(place, self._mask.shape, strict=True):
            outer.append(slice(max(part.start - self._rim, 0), min(part.stop + self._rim, size)))
        side = 2 * self._rim + 1
        wide = cv2.dilate(self._mask[tuple(outer)], np.ones((side, side), np.uint8))
        top, left = (part.start - wider.start for part, wider in zip(place, outer, strict=True))
        height, width = (part.stop - part.start for part in place)
        return np.asarray(wide[top : top + height, left : left + width])

    def _smooth(self) -> tuple[Planes, Planes]:
        """Return guesses of both layers' colours, at most 1024 pixels large."""
        pieces = []
        for rows in strips(0, self._mask.shape[0], 64 * self._factor):
            place = (rows, slice(0, self._mask.shape[1]))
            alpha = self._mask[place]
            beside = np.where(alpha < _NO_OBJECT, self._near(place), 0)
            planes = np.concatenate([self._samples(place), alpha[None], beside[None]])
            pieces.append(_shrunk(planes, self._factor))
        small = np.concatenate(pieces, axis=1)
        photo, alpha, beside = small[:3], small[3], small[4]
        front, back = alpha, np.minimum(1 - alpha, 1 - beside)
        own, behind = _filled(photo, front**_PURE), _filled(photo, back**_PURE)
        for reach in _REACHES:
            own, behind = _explained(photo, alpha, own, behind)
            own, behind = _averaged(own, front**2, reach), _averaged(behind, back**2, reach)
        own, behind = _explained(photo, alpha, own, behind)
        own = _filled(own, np.where(front > _NO_OBJECT, front, 0) ** 3)
        behind = _filled(behind, np.where(back > 1 - _COVERED, back, 0) ** 3)
        return own, behind

    def _large(self, small: Planes, place: Place) -> Planes:
        """Return a part of the photo's size of what has the size of the guesses."""
        return (
            small[(slice(None), *place)]
            if self._factor == 1
            else _enlarged(small, place, self._factor)
        )

    @cached_property
    def _found(self) -> tuple[Planes, Planes, NDArray[np.intp], int]:
        """Return a small photo, its background with texture, that one's places, the factor."""
        step = -(-max(self._mask.shape) // _TEXTURE)
        pieces = []
        for rows in strips(0, self._mask.shape[0], 64 * step):
            place = (rows, slice(0, self._mask.shape[1]))
            near = self._near(place)
            clean = np.moveaxis(self.part(place).clean, 2, 0)
            planes = [self._samples(place), clean, (near >= _HIDDEN)[None], (near >= _BARRED)[None]]
            pieces.append(_shrunk(np.concatenate(planes, dtype=np.float32), step))
        small = np.concatenate(pieces, axis=1)
        filled, places = texture_sources(np.moveaxis(small[3:6], 0, 2), small[6] > 0, small[7] > 0)
        return small[:3], np.stack(cv2.split(filled)), places, step

    def _texture(self, place: Place) -> Planes:
        """Return what is hidden: small texture, with the detail of where it was found."""
        small, filled, places, step = self._found
        if step == 1:
            return filled[(slice(None), *place)]
        rows, columns = np.mgrid[place]
        source = places[rows // step, columns // step] * step
        top = (source[..., 0] + rows % step).clip(0, self._mask.shape[0] - 1)
        left = (source[..., 1] + columns % step).clip(0, self._mask.shape[1] - 1)
        photo = np.divide(np.moveaxis(self._photo[top, left], 2, 0), self._white, dtype=np.float32)
        x, y = (((side + 0.5) / step - 0.5).astype(np.float32) for side in (left, top))
        low = [
            cv2.remap(one, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for one in small
        ]
        return (_enlarged(filled, place, step) + photo - np.stack(low)).clip(0, 1)


def _shape(place: Place) -> tuple[int, int]:
    return place[0].stop - place[0].start, place[1].stop - place[1].start


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _shrunk(planes: Planes, step: int) -> Planes:
    """Average squares of pixels; the last ones go on beyond the border."""
    height, width = planes.shape[1:]
    padded = np.pad(planes, ((0, 0), (0, -height % step), (0, -width % step)), mode="edge")
    size = (padded.shape[2] // step, padded.shape[1] // step)
    return np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in padded])


def _filled(planes: Planes, weights: Mask) -> Planes:
    return np.stack(cv2.split(smooth_fill(np.moveaxis(planes, 0, 2), weights)))


def _explained(photo: Planes, alpha: Mask, own: Planes, behind: Planes) -> tuple[Planes, Planes]:
    """Change both guesses as little as makes them the photo; the purer a side, the less it.

    Of guesses with the variances ``alpha`` and ``1 - alpha``, this is the likeliest change.
    """
    other = 1 - alpha
    front, back = alpha**2, other**2
    rest = (photo - alpha * own - other * behind) / (alpha * front + other * back)
    return (own + front * rest).clip(0, 1), (behind + back * rest).clip(0, 1)


def _solved(photo: Planes, alpha: Mask, foreground: Planes, plate: Planes) -> tuple[Planes, Planes]:
    """Return colours of object and background that together are the photo where both are seen.

    The background is what the object leaves of the photo where it leaves much, and the plate where
    it leaves little; what that cannot explain within [0, 1] the other side must. Elsewhere the
    background is the photo's, or the plate's where it is hidden.
    """
    mixed = (alpha > _EMPTY) & (alpha < 1)
    own, rest = np.where(mixed, alpha, 1), np.where(mixed, 1 - alpha, 1)
    seen = ((photo - alpha * foreground) / rest).clip(0, 1)
    # Where little of the background is seen, dividing by that little would make a line of it.
    seen += np.clip((alpha - _SOLVED) / (1 - 2 * _SOLVED), 0, 1) * (plate - seen)
    solved = ((photo - rest * seen) / own).clip(0, 1)
    seen = ((photo - alpha * solved) / rest).clip(0, 1)
    background = np.where(mixed, seen, np.where(alpha > _EMPTY, plate, photo))
    return np.where(mixed, solved, foreground), background


def _averaged(planes: Planes, weights: Mask, reach: int) -> Planes:
    """Return means of squares; colours stay where nothing has weight."""
    side = (2 * reach + 1, 2 * reach + 1)
    total = cv2.blur(weights, side)
    means = np.stack([cv2.blur(one * weights, side) for one in planes]) / np.maximum(total, _LEAST)
    return np.where(total > _LEAST, means, planes)


def _enlarged(small: Planes, place: Place, step: int) -> Planes:
    """Return a part of what `small` (C, h, w) is, enlarged `step` times, linearly."""
    (top, left), scale = (part.start for part in place), 1 / step
    matrix = np.array(
        [[scale, 0, (left + 0.5) * scale - 0.5], [0, scale, (top + 0.5) * scale - 0.5]]
    )
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    size = _shape(place)[::-1]
    return np.stack(
        [cv2.warpAffine(one, matrix, size, flags=flags, borderMode=border) for one in small]
    )
