"""Sets of colour and depth without instances: DIODE, MegaDepth, IRS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from maskdepth_cli.datasets.hdf5 import read_hdf5
from maskdepth_cli.datasets.samples import DepthDataset, Frame, Sample
from maskdepth_cli.errors import InputFileError, NothingToDoError
from maskdepth_cli.files.arrays import read_array
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.names import shown
from maskdepth_cli.types import InverseDepth

Inputs = tuple[tuple[str, Path], ...]


def open_diode(root: Path) -> DepthDataset:
    """Open DIODE: ``{train,val}/{indoors,outdoor}/scene_*/scan_*/NAME{.png,_depth.npy,...}``.

    Metres where ``NAME_depth_mask.npy`` is 1 (diode-devkit's README).

    Raises
    ------
    NothingToDoError
        There is no frame.
    """

    def found() -> Iterator[tuple[Path, Inputs]]:
        for depth in root.rglob("*_depth.npy"):
            image = depth.with_name(depth.name.replace("_depth.npy", ".png"))
            mask = depth.with_name(depth.name.replace("_depth.npy", "_depth_mask.npy"))
            yield image, (("depth", depth), ("valid", mask))

    layout = "SPLIT/indoors/scene_00000/scan_00000/NAME.png, NAME_depth.npy, NAME_depth_mask.npy"
    return _open(root, "diode", "DIODE", found(), _diode_depth, layout)


def open_megadepth(root: Path) -> DepthDataset:
    """Open MegaDepth v1: ``SCENE/denseN/{imgs/NAME.jpg, depths/NAME.h5}``, key ``depth``.

    Planar depth in the scale of each reconstruction, 0 where unknown. Files of the same kind that
    hold an ordinal map of whole numbers instead are refused when they are read.

    Raises
    ------
    NothingToDoError
        There is no frame.
    """

    def found() -> Iterator[tuple[Path, Inputs]]:
        for depth in root.rglob("dense*/depths/*.h5"):
            images = depth.parent.parent / "imgs"
            image = next(images.glob(f"{depth.stem}.*"), images / f"{depth.stem}.jpg")
            yield image, (("depth", depth),)

    layout = "MegaDepth_v1/0000/dense0/imgs/NAME.jpg with depths/NAME.h5"
    return _open(root, "megadepth", "MegaDepth v1", found(), _megadepth_depth, layout)


def open_irs(root: Path) -> DepthDataset:
    """Open IRS: ``{Home,Office,Restaurant,Store}/SCENE/{l_N.png, d_N.exr}``, left disparity.

    Disparity in pixels is inverse depth up to the rig's scale; not above 0 it is unknown.

    Raises
    ------
    NothingToDoError
        There is no frame.
    """

    def found() -> Iterator[tuple[Path, Inputs]]:
        for depth in root.rglob("d_*.exr"):
            number = depth.stem.removeprefix("d_")
            yield depth.with_name(f"l_{number}.png"), (("depth", depth),)

    layout = "IRSDataset/Home/SCENE/l_1.png with d_1.exr"
    return _open(root, "irs", "IRS", found(), _irs_depth, layout)


def _open(
    root: Path,
    key: str,
    title: str,
    found: Iterator[tuple[Path, Inputs]],
    depth: Callable[[Frame], InverseDepth],
    layout: str,
) -> DepthDataset:
    frames = tuple(
        Frame(
            image.relative_to(root).with_suffix("").as_posix(), image, inputs, partial(_read, depth)
        )
        for image, inputs in sorted(found)
    )
    if not frames:
        raise NothingToDoError(f"{shown(root)}: no frame of {title} here; expected {layout}")
    return DepthDataset(key, title, frames)


def _read(depth: Callable[[Frame], InverseDepth], frame: Frame) -> Sample:
    return frame.sample(read_image(frame.image), depth(frame), None)


def _diode_depth(frame: Frame) -> InverseDepth:
    inputs = dict(frame.inputs)
    inverse = read_depth(inputs["depth"], "depth")
    valid = read_array(inputs["valid"], key="mask")
    if valid.shape != inverse.shape:
        raise InputFileError(f"{shown(inputs['valid'])}: its size is not the depth map's")
    return np.where(valid > 0, inverse, np.float32(np.nan))


def _megadepth_depth(frame: Frame) -> InverseDepth:
    path = dict(frame.inputs)["depth"]
    depth = read_hdf5(path, "depth", 2).astype(np.float32)
    if (depth < 0).any() or (depth == np.rint(depth)).all():
        raise InputFileError(f"{shown(path)}: an ordinal map, which gives no depth")
    inverse = np.full(depth.shape, np.nan, np.float32)
    np.divide(1, depth, out=inverse, where=depth > 0)
    return inverse


def _irs_depth(frame: Frame) -> InverseDepth:
    disparity = read_depth(dict(frame.inputs)["depth"], "inverse")
    return np.where(disparity > 0, disparity, np.float32(np.nan))
