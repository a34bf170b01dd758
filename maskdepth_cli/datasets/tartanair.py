"""TartanAir: frame 100 of every Easy trajectory (paper section 4.2), versions 1 and 2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.datasets.samples import DepthDataset, Frame, Sample
from maskdepth_cli.errors import InputFileError, NothingToDoError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.headers import open_file, read_header
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.files.names import shown
from maskdepth_cli.types import InverseDepth

PAPER_FRAMES = 206  # the Easy trajectories of version 1


@dataclass(frozen=True)
class _Version:
    """How one version lays its files out."""

    key: str
    title: str
    folder: str  # of the Easy trajectories, below the environment
    hard: str  # of the Hard ones
    image: str  # below the trajectory; {} is the frame's number
    depth: str
    instances: str
    packed: bool  # depth in the bytes of a PNG's pixels
    download: str


V1 = _Version(
    "tartanair",
    "TartanAir v1",
    "Easy",
    "Hard",
    "image_left/{:06d}_left.png",
    "depth_left/{:06d}_left_depth.npy",
    "seg_left/{:06d}_left_seg.npy",
    False,
    "image_left, depth_left and seg_left of the Easy trajectories with the download script of "
    "github.com/castacks/tartanair_tools",
)
V2 = _Version(
    "tartanair2",
    "TartanAir v2",
    "Data_easy",
    "Data_hard",
    "image_lcam_front/{:06d}_lcam_front.png",
    "depth_lcam_front/{:06d}_lcam_front_depth.png",
    "seg_lcam_front/{:06d}_lcam_front_seg.png",
    True,
    "modalities image, depth and seg of camera lcam_front, difficulty easy, with the Python "
    "package tartanair",
)


def open_tartanair(
    root: Path, version: _Version = V1, instances: bool = True, number: int = 100
) -> DepthDataset:
    """Open TartanAir as it is unpacked.

    Version 1: ``ENV/Easy/P000/{image_left/000100_left.png, depth_left/000100_left_depth.npy,
    seg_left/000100_left_seg.npy}``, planar depth in metres, 640x480; version 2:
    ``ENV/Data_easy/P000/{image,depth,seg}_lcam_front/000100_lcam_front*.png``, 640x640.

    Parameters
    ----------
    root : Path
        The folder of the environments, or one environment.
    version : `V1` or `V2`
        The layout.
    instances : bool
        Read the segmentation: mesh ids (version 1) or categories (version 2). Every id is an
        instance, 0 too; the ids repeat across meshes.
    number : int
        The frame of each trajectory; 100 in the paper.

    Returns
    -------
    DepthDataset
        One frame per trajectory that has it. Trajectories are what is on disk: their numbers
        have gaps.

    Raises
    ------
    NothingToDoError
        There is no trajectory, or none with that frame.
    """
    trajectories = _trajectories(root, version.folder)
    layout = f"ENV/{version.folder}/P000/{version.depth.format(number)}"
    if not trajectories:
        raise NothingToDoError(
            f"{shown(root)}: no {version.title} here; download {version.download} and unpack it "
            f"as {layout}"
        )
    present = [path for path in trajectories if (path / version.image.format(number)).is_file()]
    if not present:
        raise NothingToDoError(f"{shown(root)}: no trajectory has frame {number}, as {layout}")
    frames = tuple(_frame(path, version, number, instances) for path in present)
    notes: tuple[str, ...] = ()
    if len(present) < len(trajectories):
        missing = len(trajectories) - len(present)
        notes = (f"{missing} of {len(trajectories)} trajectories have no frame {number}",)
    paper = version is V1 and instances and number == 100 and len(frames) == PAPER_FRAMES
    return DepthDataset(
        version.key,
        f"{version.title}, frame {number} of the Easy trajectories",
        frames,
        notes=notes,
        paper_set="tartanair" if paper else None,
    )


def open_all_tartanair(root: Path, version: _Version = V1) -> DepthDataset:
    """Open every frame of every trajectory, Easy and Hard, to train on; see `open_tartanair`.

    Raises
    ------
    NothingToDoError
        There is no frame.
    """
    pattern = re.compile(re.sub(r".*/", "", version.image).replace("{:06d}", r"(\d+)"))
    frames = [
        _frame(trajectory, version, int(found[1]), True)
        for folder in (version.folder, version.hard)
        for trajectory in _trajectories(root, folder)
        for path in sorted((trajectory / version.image).parent.glob("*"))
        if (found := pattern.fullmatch(path.name))
    ]
    if not frames:
        layout = f"ENV/{version.folder}/P000/{version.image.format(0)}"
        raise NothingToDoError(f"{shown(root)}: no {version.title} here; expected {layout}")
    return DepthDataset(version.key, version.title, tuple(frames))


def _trajectories(root: Path, folder: str) -> list[Path]:
    patterns = [f"{prefix}{folder}/P*" for prefix in ("", "*/", "*/*/")]
    found = [path for pattern in patterns for path in root.glob(pattern) if path.is_dir()]
    return sorted(path for path in found if re.fullmatch(r"P\d+", path.name))


def _frame(trajectory: Path, version: _Version, number: int, instances: bool) -> Frame:
    inputs = [("depth", trajectory / version.depth.format(number))]
    if instances:
        inputs.append(("instances", trajectory / version.instances.format(number)))
    place = trajectory.resolve()
    environment = place.parent.parent.name
    name = f"{environment}/{place.parent.name}/{place.name}/{number:06d}"
    image = trajectory / version.image.format(number)
    return Frame(name, image, tuple(inputs), partial(_read, version.packed))


def _read(packed: bool, frame: Frame) -> Sample:
    inputs = dict(frame.inputs)
    depth = (read_packed_depth if packed else partial(read_depth, kind="depth"))(inputs["depth"])
    ids = None
    if "instances" in inputs:
        ids = read_instance_map(inputs["instances"]) + np.int32(1)
    return frame.sample(read_image(frame.image), depth, ids)


def read_packed_depth(path: Path) -> InverseDepth:
    """Read metric depth whose float32 lies in the four bytes of a PNG's pixels, as inverse depth.

    Parameters
    ----------
    path : Path
        A PNG of four 8-bit channels; in the order blue, green, red, alpha they are the bytes of
        a little-endian float32, in metres.

    Returns
    -------
    (H, W) float32 array
        NaN where depth is not above 0.

    Raises
    ------
    InputFileError
        It is no such file, or damaged.
    """
    with open_file(path) as stream:
        _, picture = read_header(stream, path)
        if picture is None or picture.mode != "RGBA":
            raise InputFileError(f"{shown(path)}: depth must be packed in a PNG of four channels")
        rgba: NDArray[np.uint8] = np.array(picture)
    depth = np.ascontiguousarray(rgba[..., [2, 1, 0, 3]]).view("<f4")[..., 0]
    inverse = np.full(depth.shape, np.nan, np.float32)
    np.divide(1, depth, out=inverse, where=depth > 0)
    return inverse
