"""`gallery`: the manifest of a run, its previews and its layers as one HTML page."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskdepth_cli.commands.gallery_products import Products
from maskdepth_cli.commands.gallery_request import GalleryRequest
from maskdepth_cli.commands.written import Written
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.remote import Stage, is_remote
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.manifest import DONE, Manifest, Record
from maskdepth_cli.run.pipeline import run_pipeline
from maskdepth_cli.run.staging import manifest_of, staged, stand_in
from maskdepth_cli.run.target import MANIFEST
from maskdepth_cli.viewing.colors import depth_range
from maskdepth_cli.viewing.gallery import Card, gallery_page
from maskdepth_cli.viewing.panels import Picture, depth_tile, panel_tiles
from maskdepth_cli.viewing.thumbnails import mask_overlay, thumbnail


def write_gallery(request: GalleryRequest) -> tuple[str, int]:
    """Write a run's gallery.

    Pictures come from the previews that the run wrote, layers from the layers it wrote; a photo
    without a preview shows its depth alone.

    Returns
    -------
    page, photos
        The HTML file, and the number of photos in it.

    Raises
    ------
    NothingToDoError
        There is no manifest in the folder, or it names no photo.
    OutputError
        The page cannot be written.
    """
    target = request.output or request.run / "gallery.html"
    with staged((request.run, target)) as stage:
        if stage is None:
            return str(target), _write(request.run, target, request, None)
        folder = Path(stand_in(stage, request.run))
        page = stage.local(target) if is_remote(target) else target
        count = _write(folder, page, request, stage)
        if stage.holds(page):
            stage.put(page)
        return stage.outside(str(page)), count


def _write(folder: Path, target: Path, request: GalleryRequest, stage: Stage | None) -> int:
    """Write the gallery of a run that lies on this machine's disks, or has stand-ins there."""
    with manifest_of(folder, stage) as manifest:
        settings = _settings(manifest)
        names = sorted(record.name for record in manifest)
        worker = GalleryWorker(manifest, folder, request, stage)
        jobs = (Job(name, folder / MANIFEST, (), ()) for name in names)
        with atomic_write(target) as temporary, temporary.open("w", encoding="utf-8") as file:
            title = Path(request.run).resolve().name
            for piece in gallery_page(title, settings, _cards(jobs, len(names), worker)):
                file.write(piece)
        return len(names)


def _cards(jobs: Iterator[Job], count: int, worker: GalleryWorker) -> Iterator[Card]:
    """Draw cards side by side, in order, with a bar on a terminal; few are held at a time."""
    from tqdm import tqdm

    outcomes = run_pipeline(jobs, worker, threads=worker.threads, pixels=lambda job: 0)
    with (
        contextlib.closing(outcomes),
        tqdm(total=count, unit="photo", leave=False, file=sys.stderr, disable=None) as bar,
    ):
        for outcome in outcomes:
            if outcome.error or outcome.details is None:
                raise outcome.error or AssertionError(outcome.job)
            yield outcome.details["card"]
            bar.update()


class GalleryWorker:
    """Draw the cards of photos.

    Parameters
    ----------
    manifest
        Of the run.
    folder
        The run's target folder.
    request
        Says how large the pictures are.
    stage
        Stands for the object store that the run lies in, if it does.
    """

    batch_size = at_once = 1
    threads = 4  # each holds a photo's preview and layers

    def __init__(
        self, manifest: Manifest, folder: Path, request: GalleryRequest, stage: Stage | None
    ) -> None:
        self._manifest = manifest
        self._reading = threading.Lock()
        self._folder = folder
        self._size = request.size
        self._products = Products(request.products)
        self._stage = stage if stage and stage.holds(folder) else None

    def load(self, job: Job) -> Card:
        """Read what a run wrote of a photo, and draw its card."""
        with self._reading:
            record = self._manifest.get(job.name)
        assert record is not None
        roles = ("depth", "preview", "foreground", "background")
        places = [self._folder / place for role in roles if (place := record.place(role))]
        with contextlib.ExitStack() as fetched:
            if self._stage:
                for path in filter(Path.is_file, places):
                    self._stage.fetch(path)
                    fetched.callback(self._stage.release, path)
            return _card(record, self._folder, self._size, self._products)

    def compute(self, loaded: Sequence[Card]) -> list[Card]:
        """Leave all to the threads that read."""
        return list(loaded)

    def save(self, job: Job, result: Card) -> dict[str, Any]:
        """Hand the card on: the page is written in order."""
        return {"card": result}


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


def _card(record: Record, folder: Path, long_side: int, products: Products) -> Card:
    message, tiles, made = record.message, {}, {}
    if record.status == DONE:
        try:
            tiles = _tiles(record, folder)
            made = products.pictures(record.name, long_side)
        except InputFileError as error:
            message = str(error)
    pictures = {
        name: thumbnail(mask_overlay(tile) if name == "mask" else tile, long_side)
        for name, tile in tiles.items()
    }
    if "mask" in pictures:  # over the others, so last
        made["mask"] = pictures.pop("mask")
    pictures.update(made)
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
    """Return the pictures of one photo."""
    tiles: dict[str, Picture] = {}
    if preview := record.place("preview"):
        panel = np.rint(read_image(folder / preview) * 255).astype(np.uint8)
        tiles = panel_tiles(panel, _size(record))
    layers = [role for role in ("foreground", "background") if record.place(role)]
    if layers or not tiles:
        written = Written.of(record)
        maps = {
            role: written.read(folder / place)
            for role in ("depth", *layers)
            if (place := record.place(role))
        }
        if "depth" not in maps:
            raise InputFileError("its line in the manifest names no depth map of this folder")
        low, high = depth_range(maps["depth"])
        for role, depth in maps.items():
            tiles.setdefault("after" if role == "depth" else role, depth_tile(depth, low, high))
    return tiles


def _size(record: Record) -> tuple[int, int]:
    """Return width and height of a photo, as its run noted them."""
    match record.details.get("size"):
        case [int(width), int(height)] if width > 0 and height > 0:
            return width, height
    return 1, 1
