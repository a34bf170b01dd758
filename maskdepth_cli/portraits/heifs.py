"""Depth and mattes in HEIF files: the auxiliary pictures that cameras write beside the photo."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.files.limits import check_size
from maskdepth_cli.portraits import apple
from maskdepth_cli.portraits.contents import Contents, Samples, StoredMap
from maskdepth_cli.portraits.heif_boxes import Bytes, Items
from maskdepth_cli.portraits.heif_reading import read_items
from maskdepth_cli.portraits.scale import Scale
from maskdepth_cli.portraits.xmp import Packet


def read_heif(data: Bytes, path: Path) -> Contents:
    """Look for depth and mattes among the auxiliary pictures of a HEIF file.

    Each is turned by its own properties, as ISO/IEC 23008-12 says; libheif does that.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    items = read_items(data)
    depth: StoredMap | None = None
    mattes: dict[str, StoredMap] = {}
    problems: list[str] = []
    for item in items.auxiliaries():
        found = apple.describe(description(items, item), items.auxiliary_type(item))
        decode = _decoder(data, item, path)
        if found.problem and found.scale is None and items.auxiliary_type(item) in apple.DEPTH_URNS:
            found = _from_stream(data, found)
        if found.problem:
            problems.append(found.problem)
        if found.scale:
            depth = depth or StoredMap(decode, found.scale)
        elif found.matte:
            mattes.setdefault(found.matte, StoredMap(decode))
    return Contents("HEIF", depth, mattes, tuple(problems))


def description(items: Items, item: int) -> Packet | None:
    """Return the XMP of an auxiliary picture."""
    for one in items.descriptions(item):
        if b"application/rdf+xml" in items.kinds.get(one, b""):
            return Packet(items.data(one))
    return None


def _decoder(data: Bytes, item: int, path: Path) -> Callable[[float], tuple[Samples, float]]:
    def decode(max_megapixels: float) -> tuple[Samples, float]:
        picture = _open(data).get_aux_image(item)
        width, height = picture.size
        check_size(path, width, height, max_megapixels)
        samples = np.asarray(picture)
        if samples.ndim == 3:
            samples = samples[..., 0]
        return samples, float(np.iinfo(samples.dtype).max)

    return decode


def _open(data: Bytes) -> Any:
    import pillow_heif

    file = pillow_heif.open_heif(io.BytesIO(data[:]))
    return file[file.primary_index]


def _from_stream(data: Bytes, found: apple.Description) -> apple.Description:
    """Return the scale that the coded picture itself states, see `depth_sei`."""
    for picture in _open(data).info["depth_images"]:
        facts = picture.info["metadata"] or {}
        kind = facts.get("representation_type")
        ends: tuple[DepthKind, float | None, float | None] | None = None
        if kind == 1:  # uniform disparity
            ends = ("inverse", facts.get("d_min"), facts.get("d_max"))
        elif kind == 0 and facts.get("z_near") and facts.get("z_far"):  # uniform inverse depth
            ends = ("inverse", 1 / facts["z_far"], 1 / facts["z_near"])
        if ends and ends[1] is not None and ends[2] is not None and ends[1] != ends[2]:
            return apple.Description(Scale(ends[0], ends[1], ends[2], {"stored": "disparity"}))
    return found
