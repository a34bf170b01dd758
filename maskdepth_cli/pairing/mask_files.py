"""All masks of a file, whatever it holds: one picture, a stack of arrays, or annotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.arrays import is_array_file, read_array
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.limits import check_size
from maskdepth_cli.files.mask_rules import AS_WRITTEN, MaskRules
from maskdepth_cli.files.masks import read_mask, scaled_mask
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.pairing.annotations import (
    Region,
    is_annotation_file,
    read_regions,
    says_nothing,
)
from maskdepth_cli.pairing.coco import coco_file
from maskdepth_cli.pairing.regions import check_library, region_mask
from maskdepth_cli.pairing.selection import EVERYTHING, Selection
from maskdepth_cli.types import Mask


class LazyMasks(Sequence[Mask]):
    """Masks made when they are asked for: a photo may have a hundred, each as large as itself."""

    def __init__(self, makers: Sequence[Callable[[], Mask]]) -> None:
        self._makers = makers

    def __len__(self) -> int:
        return len(self._makers)

    def __add__(self, other: LazyMasks) -> LazyMasks:
        return LazyMasks([*self._makers, *other._makers])

    def changed(self, change: Callable[[Mask], Mask]) -> LazyMasks:
        """Return the masks as `change` makes them, when they are asked for."""
        return LazyMasks([partial(_changed, maker, change) for maker in self._makers])

    @overload
    def __getitem__(self, index: int) -> Mask: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mask]: ...
    def __getitem__(self, index: int | slice) -> Mask | Sequence[Mask]:
        if isinstance(index, slice):
            return LazyMasks(self._makers[index])
        return self._makers[index]()


def _changed(make: Callable[[], Mask], change: Callable[[Mask], Mask]) -> Mask:
    return change(make())


def open_masks(
    path: str | Path,
    photo: str,
    size: tuple[int, int],
    *,
    selection: Selection = EVERYTHING,
    rules: MaskRules = AS_WRITTEN,
    note: Callable[[str], object] = bool,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> LazyMasks:
    """Open the masks of a photo that a file holds.

    Parameters
    ----------
    path : str or Path
        A picture (`read_mask`); a ``.npy`` or ``.npz`` of one mask or of a stack (N, H, W); or
        annotations: SAM's, SA-1B's, LabelMe's and YOLO's of one photo, COCO's of many.
    photo : str
        The photo's path below its input folder: what COCO's annotations find it by.
    size : tuple of int
        The photo's width and height: masks are brought to it, see `match_size`.
    selection : Selection
        Which objects are wanted. Where there is none of them, the result is one empty mask.
    rules, note
        As `read_mask` takes them, of pictures and arrays.
    max_megapixels : float
        Larger masks are refused.

    Returns
    -------
    LazyMasks
        At least one mask, float32 (H, W) in [0, 1].

    Raises
    ------
    InputFileError
        If the file cannot be read, now or when a mask is asked for.
    """
    path = Path(path)
    if is_annotation_file(path):
        regions = annotated(path, photo, size, selection)
        makers = [partial(_of_region, path, one, size, max_megapixels) for one in regions]
        return LazyMasks(makers or [partial(_empty, size)])
    if selection != EVERYTHING:
        raise InputFileError(
            f"{shown(path)}: a mask, but --classes and --ids choose among annotations and the "
            "numbers of instance maps"
        )
    if is_array_file(path):
        stack = read_array(path, key="mask", max_megapixels=max_megapixels, stack=True)
        if stack.ndim == 3:
            _check_axes(stack.shape, size, path)
            make = partial(_of_stack, path, stack, size, rules)
            return LazyMasks([partial(make, i) for i in range(len(stack))])
    read = partial(read_mask, rules=rules, note=note, max_megapixels=max_megapixels)
    return LazyMasks([partial(_of_picture, path, size, read)])


def annotated(path: Path, photo: str, size: tuple[int, int], selection: Selection) -> list[Region]:
    """Return the wanted objects of a photo, of annotations of any layout.

    Raises
    ------
    InputFileError
        If the file cannot be read, or says no classes where some are wanted.
    """
    if says_nothing(path):
        return []
    check_library(path)
    with open_file(path):
        document = coco_file(path)
        if document is not None:
            return document.regions(photo, selection)
        regions = read_regions(path, size)
    if selection.classes and regions and not any(region.labels for region in regions):
        raise InputFileError(f"{shown(path)}: its objects have no classes; drop --classes")
    return [region for region in regions if selection.takes(region.identity, region.labels)]


def _empty(size: tuple[int, int]) -> Mask:
    return np.zeros(size[::-1], np.float32)


def _of_region(path: Path, region: Region, size: tuple[int, int], max_megapixels: float) -> Mask:
    width, height = region.size or size
    check_size(path, width, height, max_megapixels)
    with open_file(path):
        mask = region_mask(region.shapes, height, width)
    return match_size(mask, size, what="mask", path=path)


def _of_stack(
    path: Path, stack: NDArray[Any], size: tuple[int, int], rules: MaskRules, index: int
) -> Mask:
    values = stack[index]
    if stack.dtype.kind in "iu":  # white is that of the whole stack
        white = rules.levels or (1 if stack.max() <= 1 else np.iinfo(stack.dtype).max)
        values = np.divide(values, np.float32(white), dtype=np.float32)
    return match_size(scaled_mask(values, 1.0, path), size, what="mask", path=path)


def _of_picture(path: Path, size: tuple[int, int], read: Callable[[Path], Mask]) -> Mask:
    return match_size(read(path), size, what="mask", path=path)


def _check_axes(shape: tuple[int, ...], size: tuple[int, int], path: Path) -> None:
    """Refuse stacks whose masks are told apart by the last axis."""
    if shape[:2] == size[::-1] and shape[1:] != size[::-1]:
        raise InputFileError(
            f"{shown(path)}: a stack of shape {shape} seems to be (H, W, N); save it as (N, H, W): "
            "numpy.moveaxis(masks, -1, 0)"
        )
