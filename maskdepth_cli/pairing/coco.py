"""COCO's annotations: one JSON file for many photos, of instances or of panoptic segments.

Layout: https://cocodataset.org/#format-data. Crowds (`iscrowd`), which are no objects, are left
out unless they are asked for by number.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from maskdepth_cli.errors import InputFileError, UsageError
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.files.names import shown
from maskdepth_cli.pairing.annotations import Region, read_json, shapes_of
from maskdepth_cli.pairing.finding import is_file
from maskdepth_cli.pairing.regions import Patch
from maskdepth_cli.pairing.selection import Selection

_NAMED = 12
_reading = threading.Lock()


@dataclass(frozen=True)
class CocoFile:
    """The annotations of many photos.

    Attributes
    ----------
    path : Path
        The file.
    images : dict of str to dict
        COCO's images by file name.
    short : dict of str to list of str
        File names by their last part.
    annotations : dict
        Image id to its annotations.
    categories : dict
        Category id to name.
    """

    path: Path
    images: dict[str, dict[str, Any]]
    short: dict[str, list[str]]
    annotations: dict[Any, list[dict[str, Any]]]
    categories: dict[Any, str]

    def image_of(self, photo: str) -> dict[str, Any] | None:
        """Return the entry of a photo, by its path below the input folder or its last part."""
        if photo in self.images:
            return self.images[photo]
        names = self.short.get(photo.rpartition("/")[2], [])
        return self.images[names[0]] if len(names) == 1 else None

    def check(self, selection: Selection) -> None:
        """Refuse classes that the file does not know.

        Raises
        ------
        UsageError
            Naming those that it does.
        """
        if unknown := selection.unknown(self.categories.values()):
            known = list(self.categories.values())
            more = ", ..." if len(known) > _NAMED else ""
            raise UsageError(
                f"{shown(self.path)}: no class {shown(unknown[0])}; it has "
                f"{shown(', '.join(known[:_NAMED]))}{more}"
            )

    def regions(self, photo: str, selection: Selection) -> list[Region]:
        """Return the objects of a photo that are wanted.

        Raises
        ------
        InputFileError
            If the photo is not in the file.
        """
        image = self.image_of(photo)
        if image is None:
            raise InputFileError(f"{shown(self.path)}: nothing about {shown(photo)}")
        size = int(image["width"]), int(image["height"])
        found: list[Region] = []
        for annotation in self.annotations.get(image["id"], []):
            if "segments_info" in annotation:
                found += self._segments(annotation, size, selection)
            elif self._wanted(annotation, selection):
                shapes = shapes_of(annotation["segmentation"])
                found.append(Region(annotation["id"], self._labels(annotation), shapes, size))
        return found

    def _labels(self, entry: dict[str, Any]) -> tuple[str, ...]:
        name = self.categories.get(entry.get("category_id"))
        return () if name is None else (name,)

    def _wanted(self, entry: dict[str, Any], selection: Selection) -> bool:
        if entry.get("iscrowd") and selection.ids is None:
            return False
        return selection.takes(entry["id"], self._labels(entry))

    def _segments(
        self, annotation: dict[str, Any], size: tuple[int, int], selection: Selection
    ) -> Iterator[Region]:
        wanted = [one for one in annotation["segments_info"] if self._wanted(one, selection)]
        if not wanted:
            return
        path = self.panoptic_map(annotation)
        ids = read_instance_map(path, panoptic=True)
        if ids.shape != size[::-1]:
            raise InputFileError(
                f"{shown(path)}: {ids.shape[1]}x{ids.shape[0]} pixels, but {shown(self.path)} says "
                f"{size[0]}x{size[1]}"
            )
        for one in wanted:
            yield Region(one["id"], self._labels(one), (Patch(ids == one["id"], 0, 0),), size)

    def panoptic_map(self, annotation: dict[str, Any]) -> Path:
        """Return the PNG of a photo's segments: COCO has it in a folder named like the JSON file.

        Raises
        ------
        InputFileError
            If it is not there.
        """
        name = Path(str(annotation["file_name"])).name
        for folder in (self.path.with_suffix(""), self.path.parent):
            if (folder / name).is_file():
                return folder / name
        raise InputFileError(
            f"{shown(name)}: not in {shown(self.path.with_suffix(''))}, where the maps of "
            f"{shown(self.path.name)} should be"
        )


def coco_file(path: Path) -> CocoFile | None:
    """Return the annotations of many photos; None where the file is something else.

    It is parsed once, and kept.

    Raises
    ------
    InputFileError
        If it is damaged.
    """
    status = path.stat()
    with _reading:
        return _parsed(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=2)
def _parsed(path: Path, size: int, time_ns: int) -> CocoFile | None:
    content = read_json(path, of_many=True)
    if not isinstance(content, dict):
        return None
    images, annotations = content.get("images"), content.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        return None
    try:
        return _indexed(path, images, annotations, content.get("categories") or [])
    except (LookupError, TypeError, AttributeError) as error:
        raise InputFileError(f"{shown(path)}: COCO annotations that are damaged") from error


def _indexed(
    path: Path, images: Sequence[Any], annotations: Sequence[Any], categories: Sequence[Any]
) -> CocoFile:
    by_name = {str(image["file_name"]).replace("\\", "/"): image for image in images}
    short: dict[str, list[str]] = defaultdict(list)
    for name in by_name:
        short[name.rpartition("/")[2]].append(name)
    by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for annotation in annotations:
        by_image[annotation["image_id"]].append(annotation)
    names = {category["id"]: str(category["name"]) for category in categories}
    return CocoFile(path, by_name, dict(short), dict(by_image), names)


def coco_file_at(place: Path) -> CocoFile | None:
    """Return the annotations of many photos at a place; None where there is something else."""
    if place.suffix.lower() != ".json" or not is_file(place):
        return None
    return coco_file(place)


def check_selection(place: Path | None, selection: Selection) -> None:
    """Refuse classes that a file of annotations does not know, before any work.

    Raises
    ------
    UsageError
        Naming those that it does.
    InputFileError
        If it is damaged.
    """
    if selection.classes and place is not None and (document := coco_file_at(place)) is not None:
        document.check(selection)
