"""Annotations of one photo: the objects in SAM's, LabelMe's and YOLO's files.

Layouts: ``scripts/amg.py`` and the README of facebookresearch/segment-anything (a list of masks,
or SA-1B's object with `annotations`); LabelMe's ``labelme/_label_file.py``; Ultralytics' page on
the segmentation format (a line an object: class, then corners as shares of width and height).
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files import libraries
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.names import shown
from maskdepth_cli.pairing.finding import is_file
from maskdepth_cli.pairing.regions import Patch
from maskdepth_cli.types import Mask

LARGEST = 256 << 20
"""Bytes of annotations of one photo."""

_LARGEST_OF_MANY = 1 << 30
_MOST = 10_000  # objects
_CIRCLE_CORNERS = 180
_YOLO = re.compile(rb"\s*\d+(?:[ \t]+-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?){4,}[ \t]*(?:\r?\n|\Z|\d|\.)")
_START = 256


@dataclass(frozen=True)
class Region:
    """One object.

    Attributes
    ----------
    identity : int
        Its number.
    labels : tuple of str
        The names of its class; empty where the file has none.
    shapes : tuple
        What it covers, see `regions.region_mask`.
    size : tuple of int or None
        Width and height of the picture that they are in; None: the photo's.
    """

    identity: int
    labels: tuple[str, ...]
    shapes: tuple[Any, ...]
    size: tuple[int, int] | None = None


def is_annotation_file(path: Path) -> bool:
    """Tell whether the content is JSON, or lines of numbers as YOLO writes them."""
    if says_nothing(path):
        return True
    with open_file(path) as stream:
        start = stream.read(_START)
    return _is_json(start) or _YOLO.match(start) is not None


def says_nothing(path: Path) -> bool:
    """Tell whether the file is YOLO's of a photo without objects: a text without a letter."""
    return path.suffix.lower() == ".txt" and is_file(path) and not path.stat().st_size


def _is_json(start: bytes) -> bool:
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def read_json(path: Path, *, of_many: bool = False) -> Any:
    """Parse a JSON file; None where it is something else.

    Raises
    ------
    InputFileError
        If it is damaged, or larger than annotations are.
    """
    limit = _LARGEST_OF_MANY if of_many else LARGEST
    with open_file(path) as stream:
        if not _is_json(stream.read(_START)):
            return None
        stream.seek(0)
        data = stream.read(limit + 1)
        if len(data) > limit:
            raise InputFileError(
                f"{shown(path)}: more than {limit >> 20} MiB are too many for annotations"
            )
        return json.loads(data.decode("utf-8-sig"))


def read_regions(path: Path, size: tuple[int, int]) -> list[Region]:
    """Read the objects of one photo.

    Parameters
    ----------
    path : Path
        The file.
    size : tuple of int
        The photo's width and height.

    Raises
    ------
    InputFileError
        If it is damaged, or JSON of another kind.
    """
    with open_file(path):
        content = read_json(path)
        found = list(_yolo(path, size) if content is None else _of_json(content, path))
    if len(found) > _MOST:
        raise InputFileError(f"{shown(path)}: {len(found)} objects are too many for one photo")
    return found


def _of_json(content: Any, path: Path) -> Iterator[Region]:
    if isinstance(content, dict) and isinstance(content.get("shapes"), list):
        return _labelme(content)
    items = content.get("annotations") if isinstance(content, dict) else content
    if isinstance(items, list) and all(
        isinstance(item, dict) and "segmentation" in item for item in items
    ):
        return _masks(items)
    raise InputFileError(
        f"{shown(path)}: JSON, but not of masks that are known here (SAM, SA-1B, COCO, LabelMe)"
    )


def _masks(items: list[dict[str, Any]]) -> Iterator[Region]:
    """Yield SAM's masks, or those of tools that name them besides."""
    for place, item in enumerate(items):
        identity = item.get("id", place)
        label = item.get("class_name", item.get("label"))
        labels = (label,) if isinstance(label, str) else ()
        number = identity if isinstance(identity, int) else place
        yield Region(number, labels, shapes_of(item["segmentation"]), _size_of(item))


def _size_of(item: Mapping[str, Any]) -> tuple[int, int] | None:
    shape = item["segmentation"]
    if isinstance(shape, dict):
        height, width = shape["size"]
        return int(width), int(height)
    return None


def shapes_of(segmentation: Any) -> tuple[Any, ...]:
    """Return COCO's segmentation, run lengths or a list of polygons, as shapes."""
    if isinstance(segmentation, dict):
        return (segmentation,)
    if isinstance(segmentation, list):
        return tuple(segmentation)
    raise ValueError("a segmentation that is neither run lengths nor polygons")


def _labelme(content: Mapping[str, Any]) -> Iterator[Region]:
    """Yield LabelMe's objects; shapes of one label and group are one object."""
    width, height = content.get("imageWidth"), content.get("imageHeight")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    grouped: dict[tuple[str, Any], list[Any]] = {}
    for place, shape in enumerate(content["shapes"]):
        label, group = str(shape.get("label", "")), shape.get("group_id")
        found = _labelme_shape(shape)
        if found is not None:
            key = (label, ("alone", place) if group is None else group)
            grouped.setdefault(key, []).append(found)
    for place, ((label, _), shapes) in enumerate(grouped.items()):
        yield Region(place, (label,), tuple(shapes), size)


def _labelme_shape(shape: Mapping[str, Any]) -> Any:
    """Return a shape; None for points and lines, which cover nothing."""
    kind = shape.get("shape_type", "polygon")
    points = [(float(x), float(y)) for x, y in shape["points"]]
    if kind == "polygon":
        return [number for point in points for number in point]
    if kind == "rectangle":
        (left, top), (right, bottom) = np.min(points, 0).tolist(), np.max(points, 0).tolist()
        return [left, top, right, top, right, bottom, left, bottom]
    if kind == "circle":
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        angles = np.linspace(0, 2 * np.pi, _CIRCLE_CORNERS, endpoint=False)
        corners = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1)
        return corners.ravel().tolist()
    if kind == "mask":
        return _labelme_mask(shape["mask"], points)
    if kind in ("point", "points", "line", "linestrip"):
        return None
    raise ValueError(f"a shape of type {kind!r}")


def _labelme_mask(data: str, points: list[tuple[float, float]]) -> Patch:
    """Decode a mask that is stored as PNG, between its first and last pixel."""
    (left, top), (right, bottom) = points
    libraries.pillow()
    from PIL.PngImagePlugin import PngImageFile

    image = PngImageFile(io.BytesIO(base64.b64decode(data)))
    if image.size != (round(right - left) + 1, round(bottom - top) + 1):
        raise ValueError("a mask of another size than its corners say")
    image.load()
    return Patch(np.asarray(image.convert("L")) > 0, round(left), round(top))


def encode_labelme(objects: Sequence[tuple[str, Mask]], photo: str, made_by: str) -> bytes:
    """Return masks (H, W) of one photo with their labels as LabelMe keeps them, to be corrected."""
    shapes: list[dict[str, Any]] = []
    for label, mask in objects:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not rows.size:
            continue
        top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
        stream = io.BytesIO()
        pixels = mask[top : bottom + 1, left : right + 1] > 0.5
        libraries.pillow().fromarray(pixels).save(stream, "PNG")
        shapes.append(
            {
                "label": label,
                "points": [[float(left), float(top)], [float(right), float(bottom)]],
                "group_id": None,
                "description": made_by,
                "shape_type": "mask",
                "flags": {},
                "mask": base64.b64encode(stream.getvalue()).decode("ascii"),
            }
        )
    height, width = objects[0][1].shape if objects else (None, None)
    content = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": photo,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    return json.dumps(content).encode()


def _yolo(path: Path, size: tuple[int, int]) -> Iterator[Region]:
    """Yield YOLO's objects; names of classes come from ``classes.txt`` beside the file."""
    names = _class_names(path.with_name("classes.txt"))
    lines = path.read_text("utf-8-sig", "replace").splitlines()
    for place, line in enumerate(line for line in lines if line.strip()):
        number, *corners = line.split()
        if len(corners) == 4:
            raise InputFileError(f"{shown(path)}: boxes, not outlines; export it for segmentation")
        index = int(number)
        labels = (number, names[index]) if 0 <= index < len(names) else (number,)
        shares = [float(corner) for corner in corners]
        polygon = [share * size[i % 2] for i, share in enumerate(shares)]
        yield Region(place, labels, (polygon,))


def _class_names(path: Path) -> list[str]:
    if not path.is_file() or path.stat().st_size > 1 << 20:
        return []
    return path.read_text("utf-8-sig", "replace").splitlines()
