"""Colours of what a mask covers and of what lies behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import strips, white
from maskdepth_cli.types import Image, Mask, Photo
from maskdepth_cli.viewing.fills import smooth_fill, texture_sources

Place = tuple[slice, slice]

_GAMMA = 2.4
_SMALL = 1024  # long side at which smooth colours are worked out
_TEXTURE = 320  # long side at which texture is looked for
_RIM = 2  # pixels beyond the mask that may still show the object, at 1024 pixels
_SEEN, _HIDDEN = 0.7, 0.9  # alpha that shows the background well, and hardly
_PURE = 6  # power of a pixel's share in first guesses
_REACHES = (40, 20, 10, 5, 3)  # of the means that better guesses are, in pixels of the small size
_LEAST = np.float32(1e-4)
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
        """Return the colours of a part of the photo."""
        photo = np.divide(self._photo[place], self._white, dtype=np.float32)
        near = self._near(place)[..., None]
        own = self._large(self._guesses[0], place)
        if not near.any():
            return Colors(own, photo, photo, photo)
        alpha = self._mask[place][..., None]
        behind = self._large(self._guesses[1], place)
        foreground, found = _explained(photo, alpha, own, behind)
        foreground = np.where(alpha >= 1, photo, foreground)
        sure = np.minimum(((1 - near) / np.maximum(1 - alpha, _LEAST)) ** 2, 1)
        clean = behind + sure * (found - behind)
        clean = np.where(near > 0, clean, photo)
        plate, hidden = clean, np.clip((near - _SEEN) / (_HIDDEN - _SEEN), 0, 1)
        if textured and hidden.any():
            plate = clean + hidden * (self._texture(place) - clean)
        # What the object's colour cannot explain within [0, 1] must come from behind it, and then
        # the other way round: together they always are the photo.
        mixed = (alpha > 0) & (alpha < 1)
        seen = ((photo - alpha * foreground) / np.where(mixed, 1 - alpha, 1)).clip(0, 1)
        background = np.where(mixed, seen, np.where(alpha > 0, plate, photo))
        solved = (photo - (1 - alpha) * background) / np.where(mixed, alpha, 1)
        foreground = np.where(mixed, solved.clip(0, 1), foreground)
        return Colors(foreground, background, clean, plate)

    def find_texture(self) -> None:
        """Look for texture now: parts with texture may then be asked for side by side."""
        _ = self._found

    def whole(self, *, textured: bool = False) -> Colors:
        """Return the colours of all of the photo."""
        place = (slice(0, self._mask.shape[0]), slice(0, self._mask.shape[1]))
        return self.part(place, textured=textured)

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

    def _smooth(self) -> tuple[Image, Image]:
        """Return guesses of both layers' colours, at most 1024 pixels large."""
        pieces = []
        for rows in strips(0, self._mask.shape[0], 64 * self._factor):
            place = (rows, slice(0, self._mask.shape[1]))
            photo = np.divide(self._photo[place], self._white, dtype=np.float32)
            alpha = self._mask[place]
            beside = np.where(alpha < _NO_OBJECT, self._near(place), 0)
            pieces.append(_shrunk(np.dstack([photo, alpha, beside]), self._factor))
        small = np.concatenate(pieces)
        photo, alpha, beside = small[..., :3], small[..., 3], small[..., 4]
        front, back = alpha, np.minimum(1 - alpha, 1 - beside)
        own, behind = smooth_fill(photo, front**_PURE), smooth_fill(photo, back**_PURE)
        for reach in _REACHES:
            own, behind = _explained(photo, alpha[..., None], own, behind)
            own, behind = _averaged(own, front**2, reach), _averaged(behind, back**2, reach)
        own, behind = _explained(photo, alpha[..., None], own, behind)
        own = smooth_fill(own, np.where(front > _NO_OBJECT, front, 0) ** 3)
        behind = smooth_fill(behind, np.where(back > 1 - _HIDDEN, back, 0) ** 3)
        return own, behind

    def _large(self, small: Image, place: Place) -> Image:
        """Return a part of the photo's size of what has the size of the guesses."""
        return small[place] if self._factor == 1 else enlarged(small, place, self._factor)

    @cached_property
    def _found(self) -> tuple[Image, Image, NDArray[np.intp], int]:
        """Return a small background before and after it got texture, its places, its factor."""
        step = -(-max(self._mask.shape) // _TEXTURE)
        clean, hidden = [], []
        for rows in strips(0, self._mask.shape[0], 64 * step):
            place = (rows, slice(0, self._mask.shape[1]))
            clean.append(_shrunk(self.part(place).clean, step))
            hidden.append(_shrunk((self._near(place) >= _HIDDEN).astype(np.float32), step))
        small = np.concatenate(clean)
        filled, places = texture_sources(small, np.concatenate(hidden) > 0)
        return small, filled, places, step

    def _texture(self, place: Place) -> Image:
        """Return what is hidden: small texture, with the detail of where it was found."""
        small, filled, places, step = self._found
        base = enlarged(filled, place, step) if step > 1 else filled[place]
        if step == 1:
            return base
        rows, columns = np.mgrid[place]
        source = places[rows // step, columns // step] * step
        top = (source[..., 0] + rows % step).clip(0, self._mask.shape[0] - 1)
        left = (source[..., 1] + columns % step).clip(0, self._mask.shape[1] - 1)
        photo = np.divide(self._photo[top, left], self._white, dtype=np.float32)
        x, y = (((side + 0.5) / step - 0.5).astype(np.float32) for side in (left, top))
        low = cv2.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray((base + photo - low).clip(0, 1))


def _shrunk(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Average squares of pixels; the last ones go on beyond the border."""
    if step == 1:
        return np.asarray(values, np.float32)
    height, width = values.shape[:2]
    padded = cv2.copyMakeBorder(values, 0, -height % step, 0, -width % step, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // step, padded.shape[0] // step)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA))


def _explained(
    photo: Image, alpha: NDArray[np.float32], own: Image, behind: Image
) -> tuple[Image, Image]:
    """Change both guesses as little as makes them the photo; the purer a side, the less it.

    Of guesses with the variances ``alpha`` and ``1 - alpha``, this is the likeliest change.
    """
    front, back = alpha**2, (1 - alpha) ** 2
    rest = (photo - alpha * own - (1 - alpha) * behind) / (alpha * front + (1 - alpha) * back)
    return (own + front * rest).clip(0, 1), (behind + back * rest).clip(0, 1)


def _averaged(colors: Image, weights: NDArray[np.float32], reach: int) -> Image:
    """Return means of squares; colours stay where nothing has weight."""
    side = (2 * reach + 1, 2 * reach + 1)
    total = cv2.blur(weights, side)[..., None]
    means = cv2.blur(colors * weights[..., None], side) / np.maximum(total, _LEAST)
    return np.where(total > _LEAST, means, colors)


def enlarged(small: NDArray[np.float32], place: Place, step: int) -> NDArray[np.float32]:
    """Return a part of what `small` (h, w, C) is, enlarged `step` times, linearly."""
    (top, left), scale = (part.start for part in place), 1 / step
    matrix = np.array(
        [[scale, 0, (left + 0.5) * scale - 0.5], [0, scale, (top + 0.5) * scale - 0.5]]
    )
    height, width = (part.stop - part.start for part in place)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(small, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    )


def to_linear(image: Image) -> Image:
    """Return sRGB values in [0, 1] as linear light (IEC 61966-2-1)."""
    curve = ((np.maximum(image, 0) + 0.055) / 1.055) ** np.float32(_GAMMA)
    return np.where(image <= 0.04045, image / np.float32(12.92), curve).astype(np.float32)


def from_linear(light: NDArray[np.float32]) -> Image:
    """Return linear light in [0, 1] as sRGB values, the inverse of `to_linear`."""
    curve = 1.055 * np.maximum(light, 0) ** np.float32(1 / _GAMMA) - 0.055
    return np.where(light <= 0.0031308, light * np.float32(12.92), curve).astype(np.float32)
