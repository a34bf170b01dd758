"""Any set of photos, depth maps and instance maps in three folders."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.datasets.samples import DepthDataset, Frame, Sample
from maskdepth_cli.errors import NothingToDoError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.pairing import DEPTH_SUFFIXES, MASK_SUFFIXES, find_inputs, pair

LAYOUT = (
    "rgb/NAME.jpg, depth/NAME.png (inverse depth, 16 bit, or npy, tiff, exr, pfm) and "
    "seg/NAME.png (instance ids; not needed with --masks from-depth)"
)


def open_generic(
    root: Path,
    instances: bool = True,
    kind: DepthKind = "inverse",
    unknown: float | None = None,
) -> DepthDataset:
    """Open a folder with ``rgb``, ``depth`` and ``seg``.

    Parameters
    ----------
    root : Path
        The folder.
    instances : bool
        Read ``seg``; otherwise no frame has an instance.
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
    if not all((root / folder).is_dir() for folder in ("rgb", "depth")):
        raise NothingToDoError(f"{shown(root)}: expected {LAYOUT}")
    if instances and not (root / "seg").is_dir():
        raise NothingToDoError(f"{shown(root)}: no instance maps in seg/; try --masks from-depth")
    photos = find_inputs([str(root / "rgb")])
    if not photos:
        raise NothingToDoError(f"{shown(root / 'rgb')}: no photo; expected {LAYOUT}")
    found = {"depth": pair(photos, root / "depth", DEPTH_SUFFIXES).paired}
    if instances:
        found["instances"] = pair(photos, root / "seg", MASK_SUFFIXES).paired
    folders = {"depth": "depth", "instances": "seg"}
    frames = []
    for photo in photos:
        name = photo.relative.with_suffix("").as_posix()
        # A file that is missing is named as it is expected: reading it says so.
        inputs = tuple(
            (role, paths.get(photo, (root / folders[role] / f"{name}.png",))[0])
            for role, paths in found.items()
        )
        frames.append(Frame(name, photo.path, inputs, partial(_read, kind, unknown)))
    options = (("kind", kind), *([] if unknown is None else [("unknown", str(unknown))]))
    return DepthDataset("generic", root.resolve().name, tuple(frames), options=options)


def _read(kind: DepthKind, unknown: float | None, frame: Frame) -> Sample:
    inputs = dict(frame.inputs)
    instances = inputs.get("instances")
    return frame.sample(
        read_image(frame.image),
        read_depth(inputs["depth"], kind, unknown=unknown),
        None if instances is None else read_instance_map(instances),
    )
