"""Any set of photos, depth maps, and instance maps or masks, in folders side by side."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.datasets.samples import DepthDataset, Frame, Sample
from maskdepth_cli.errors import NothingToDoError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.pairing.mask_files import open_masks
from maskdepth_cli.pairing.matching import (
    DEPTH_SUFFIXES,
    MASK_SUFFIXES,
    find_inputs,
    pair,
)
from maskdepth_cli.types import InstanceMap, InverseDepth, Mask

Source = Literal["instances", "files", "from-depth"]

LAYOUT = (
    "rgb/NAME.jpg, depth/NAME.png (inverse depth, 16 bit, or npy, tiff, exr, pfm) and "
    "seg/NAME.png (instance ids) or masks/NAME.png (not needed with --masks from-depth)"
)
LAYERS = ("foreground", "background")
_FOLDERS = {"depth": "depth", "instances": "seg", "mask": "masks"}
_MASKS = {"instances": "instance maps of the set", "files": "files of the set"}


def found_masks(root: Path) -> Source:
    """Return what masks a set has: instance maps, else files of masks, else none but its depth."""
    if (root / "seg").is_dir():
        return "instances"
    return "files" if (root / "masks").is_dir() else "from-depth"


def open_generic(
    root: Path,
    masks: Source = "instances",
    kind: DepthKind = "inverse",
    unknown: float | None = None,
) -> DepthDataset:
    """Open a folder with ``rgb``, ``depth``, and ``seg`` or ``masks``.

    Parameters
    ----------
    root : Path
        The folder.
    masks : {"instances", "files", "from-depth"}
        Read ``seg``; or ``masks`` (``masks/NAME.png``, of several masks ``masks/NAME/*.png``) with
        the true layers in ``foreground`` and ``background`` where both are there; or no mask.
    kind : DepthKind
        What the depth maps hold. Inverse depth 0 is infinitely far and valid; depth 0 is unknown.
    unknown : float, optional
        The number of unknown pixels in them.

    Returns
    -------
    DepthDataset
        One frame per photo, in the order of their names.

    Raises
    ------
    NothingToDoError
        The folders are not there, or there is no photo.
    """
    _check(root, masks)
    photos = find_inputs([str(root / "rgb")])
    if not photos:
        raise NothingToDoError(f"{shown(root / 'rgb')}: no photo; expected {LAYOUT}")
    found = {"depth": pair(photos, root / "depth", DEPTH_SUFFIXES).paired}
    if masks != "from-depth":
        role = "instances" if masks == "instances" else "mask"
        found[role] = pair(photos, root / _FOLDERS[role], MASK_SUFFIXES).paired
    layers = []
    if masks == "files" and all((root / folder).is_dir() for folder in LAYERS):
        layers = [pair(photos, root / folder, DEPTH_SUFFIXES).paired for folder in LAYERS]
    frames = []
    for photo in photos:
        name = photo.relative.with_suffix("").as_posix()
        inputs: list[tuple[str, Path]] = []
        for role, paths in found.items():
            # A file that is missing is named as it is expected: reading it says so.
            files = paths.get(photo, (root / _FOLDERS[role] / f"{name}.png",))
            if role == "mask":
                inputs += [(f"mask/{i}", file) for i, file in enumerate(files, start=1)]
            else:
                inputs.append((role, files[0]))
        if layers and all(photo in side for side in layers):  # else scored without
            inputs += [(role, side[photo][0]) for role, side in zip(LAYERS, layers, strict=True)]
        frames.append(Frame(name, photo.path, tuple(inputs), partial(_read, kind, unknown)))
    options = (("kind", kind), *([] if unknown is None else [("unknown", str(unknown))]))
    title = _MASKS.get(masks, "none")
    return DepthDataset("generic", root.resolve().name, tuple(frames), title, options=options)


def _check(root: Path, masks: Source) -> None:
    """Refuse a folder without those that are to be read."""
    if not all((root / folder).is_dir() for folder in ("rgb", "depth")):
        raise NothingToDoError(f"{shown(root)}: expected {LAYOUT}")
    if masks == "instances" and not (root / "seg").is_dir():
        raise NothingToDoError(f"{shown(root)}: no instance maps in seg/; try --masks from-depth")
    if masks == "files" and not (root / "masks").is_dir():
        raise NothingToDoError(f"{shown(root)}: no masks in masks/; try --masks from-depth")


def _read(kind: DepthKind, unknown: float | None, frame: Frame) -> Sample:
    inputs = dict(frame.inputs)
    depth = read_depth(inputs["depth"], kind, unknown=unknown)
    size = depth.shape[1], depth.shape[0]
    instances: InstanceMap | tuple[Mask, ...] | None = None
    if "instances" in inputs:
        instances = read_instance_map(inputs["instances"])
    elif "mask/1" in inputs:
        files = [path for role, path in frame.inputs if role.startswith("mask/")]
        instances = tuple(mask for file in files for mask in open_masks(file, frame.name, size))

    def layer(role: str) -> InverseDepth:
        values = read_depth(inputs[role], kind, unknown=unknown)
        return match_size(values, size, what="depth", path=inputs[role])

    layers = (layer(LAYERS[0]), layer(LAYERS[1])) if LAYERS[0] in inputs else None
    return frame.sample(read_image(frame.image), depth, instances, layers)
