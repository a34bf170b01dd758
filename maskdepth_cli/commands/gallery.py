"""`gallery`: the manifest of a run, its previews and its layers as one HTML page."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.errors import InputFileError, NothingToDoError
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.run.manifest import DONE, Manifest, Record
from maskdepth_cli.run.target import MANIFEST, why_no_manifest
from maskdepth_cli.viewing.colors import depth_range
from maskdepth_cli.viewing.gallery import Card, gallery_page
from maskdepth_cli.viewing.panels import Picture, depth_tile, panel_tiles
from maskdepth_cli.viewing.thumbnails import mask_overlay, thumbnail

_THREADS = 4  # each holds a photo's preview and layers
_AT_ONCE = 64


def write_gallery(folder: Path, target: Path, *, thumbnail_size: int = 320) -> int:
    """Write a run's gallery.

    Pictures come from the previews that the run wrote, layers from the layers it wrote; a photo
    without a preview shows its depth alone.

    Parameters
    ----------
    folder
        Target folder of the run.
    target
        The HTML file.
    thumbnail_size
        Long side of the pictures, in pixels.

    Returns
    -------
    int
        The number of photos.

    Raises
    ------
    NothingToDoError
        There is no manifest in the folder, or it names no photo.
    OutputError
        The page cannot be written.
    """
    with contextlib.closing(Manifest(folder / MANIFEST)) as manifest:
        if not len(manifest):
            raise NothingToDoError(why_no_manifest(folder))
        settings = _settings(manifest)
        names = sorted(record.name for record in manifest)
        records = (record for name in names if (record := manifest.get(name)))
        cards = _cards(records, len(names), lambda one: _card(one, folder, thumbnail_size))
        with atomic_write(target) as temporary, temporary.open("w", encoding="utf-8") as file:
            for piece in gallery_page(folder.resolve().name, settings, cards):
                file.write(piece)
        return len(names)


def _cards(records: Iterator[Record], count: int, draw: Callable[[Record], Card]) -> Iterator[Card]:
    """Draw cards side by side, in order, with a bar on a terminal; few are held at a time."""
    from tqdm import tqdm

    with (
        ThreadPoolExecutor(_THREADS) as pool,
        tqdm(total=count, unit="photo", leave=False, file=sys.stderr, disable=None) as bar,
    ):
        while chunk := list(itertools.islice(records, _AT_ONCE)):
            for card in pool.map(draw, chunk):
                yield card
                bar.update()


def _settings(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what the results were made with; several values where runs differed."""
    values: dict[str, set[str]] = {}
    for record in manifest:
        for name, value in _flat(record.table("made_with")):
            values.setdefault(name, set()).add(str(value))
        scale = record.table("scale")
        for name, label in (("kind", "written kind"), ("format", "written format")):
            if name in scale:
                values.setdefault(label, set()).add(str(scale[name]))
        if model := record.details.get("model"):
            values.setdefault("model", set()).add(str(model))
    return [(name, ", ".join(sorted(found))) for name, found in values.items()]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield prefix + name, value


def _card(record: Record, folder: Path, long_side: int) -> Card:
    message, tiles = record.message, {}
    if record.status == DONE:
        try:
            tiles = _tiles(record, folder)
        except InputFileError as error:
            message = str(error)
    pictures = {
        name: thumbnail(mask_overlay(tile) if name == "mask" else tile, long_side)
        for name, tile in tiles.items()
    }
    height, width = next(iter(tiles.values())).shape[:2] if tiles else (3, 4)
    return Card(record.name, record.status, message, (width, height), _numbers(record), pictures)


def _numbers(record: Record) -> dict[str, float]:
    """Return how much a photo's depth changed, as far as the run noted it, and how long it took."""
    numbers = {"seconds": float(record.seconds)}
    match record.details:
        case {"changed_share": float() as share}:
            numbers["share"] = share
    match record.details:
        case {"mean_change": float() as mean, "range": [float() as low, float() as high]}:
            if high > low:
                numbers["mean"] = mean / (high - low)
    return numbers


def _tiles(record: Record, folder: Path) -> dict[str, Picture]:
    """Return the pictures of one photo; the mask last, so that it lies over the others."""
    tiles: dict[str, Picture] = {}
    if preview := record.place("preview"):
        panel = np.rint(read_image(folder / preview) * 255).astype(np.uint8)
        tiles = panel_tiles(panel, _size(record))
    layers = [role for role in ("foreground", "background") if record.place(role)]
    if layers or not tiles:
        kind: DepthKind = "depth" if record.table("scale").get("kind") == "depth" else "inverse"
        maps = {
            role: read_depth(folder / place, kind)
            for role in ("depth", *layers)
            if (place := record.place(role))
        }
        if "depth" not in maps:
            raise InputFileError("its line in the manifest names no depth map of this folder")
        low, high = depth_range(maps["depth"])
        for role, depth in maps.items():
            tiles.setdefault("after" if role == "depth" else role, depth_tile(depth, low, high))
    if "mask" in tiles:
        tiles["mask"] = tiles.pop("mask")
    return tiles


def _size(record: Record) -> tuple[int, int]:
    """Return width and height of a photo, as its run noted them."""
    match record.details.get("size"):
        case [int(width), int(height)] if width > 0 and height > 0:
            return width, height
    return 1, 1
