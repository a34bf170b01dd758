"""Hypersim: the first frame of each camera trajectory, or of each scene (paper section 4.2)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import HypersimSelect
from maskdepth_cli.datasets.hdf5 import h5py, read_hdf5
from maskdepth_cli.datasets.samples import DepthDataset, Frame, Sample
from maskdepth_cli.errors import NothingToDoError, UsageError
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.names import shown
from maskdepth_cli.types import Image, InverseDepth

PAPER_FRAMES = 456
KEY = "dataset"  # of the array in every file
IMAGES_TABLE = "metadata_images.csv"
CAMERAS_TABLE = "metadata_camera_parameters.csv"
# Where tables and scenes lie: at the root itself, or in a checkout of the toolkit.
TABLE_FOLDERS = ("", "evermotion_dataset/analysis", "contrib/mikeroberts3000")
SCENE_FOLDERS = ("", "evermotion_dataset/scenes")
FIELD_OF_VIEW = np.pi / 3  # horizontal, of the standard camera
LAYOUT = "ai_VVV_NNN/images/scene_cam_XX_{geometry_hdf5,final_hdf5 or final_preview}"

FloatArray = NDArray[np.float64]


def open_hypersim(
    root: Path, instances: bool = True, select: HypersimSelect = "trajectory"
) -> DepthDataset:
    """Open Hypersim as it is unpacked.

    Parameters
    ----------
    root : Path
        The folder of the scenes ``ai_VVV_NNN``. ``metadata_images.csv`` there restricts the
        choice to public images; ``metadata_camera_parameters.csv`` gives each scene's camera in
        place of the standard one.
    instances : bool
        Read ``semantic_instance``; unlabelled pixels belong to no instance.
    select : {"trajectory", "scene", "all"}
        The first frame of every trajectory, or of the first trajectory of every scene, or all
        frames, to train on.

    Returns
    -------
    DepthDataset
        The frames that are on disk.

    Raises
    ------
    NothingToDoError
        There is no frame.
    UsageError
        h5py is not installed.
    """
    found = [path for folder in SCENE_FOLDERS for path in (root / folder).glob("ai_*_*")]
    scenes = sorted(path for path in found if path.is_dir())
    public = _public_frames(root)
    cameras = _camera_matrices(root)
    frames: list[Frame] = []
    for scene in scenes:
        chosen = _frames(scene, public, first=select != "all")
        for camera, number in [*chosen][: 1 if select == "scene" else None]:
            frames.append(_frame(scene, camera, number, cameras.get(scene.name), instances))
    if not frames:
        raise NothingToDoError(
            f"{shown(root)}: no Hypersim scene here; download geometry_hdf5 and final_preview or "
            f"final_hdf5 as github.com/apple/ml-hypersim describes and unpack them as {LAYOUT}"
        )
    h5py()
    notes = [
        f"{table} is not in {shown(root)}: {consequence}"
        for table, present, consequence in (
            (IMAGES_TABLE, public is not None, "every image on disk counts as public"),
            (CAMERAS_TABLE, bool(cameras), "the standard camera of 60 degrees is assumed"),
        )
        if not present
    ]
    paper = instances and select == "trajectory" and len(frames) == PAPER_FRAMES
    return DepthDataset(
        "hypersim",
        "Hypersim" if select == "all" else f"Hypersim, first frame of each {select}",
        tuple(frames),
        notes=tuple(notes),
        paper_set="hypersim" if paper else None,
        options=tuple((scene, repr(camera.tolist())) for scene, camera in cameras.items()),
    )


def planar_inverse_depth(distance: NDArray[np.floating], camera: FloatArray) -> InverseDepth:
    """Turn distances to the optical centre into inverse planar depth.

    Parameters
    ----------
    distance : (H, W) array
        Along the rays, in metres; NaN where there is nothing.
    camera : (3, 3) array
        Takes ``(u, v, 1)``, u and v in [-1, 1] from the lower left corner of the image, to the
        direction of a pixel's ray; the camera looks along -z.

    Returns
    -------
    (H, W) float32 array
        NaN where the distance is not finite and above 0.

    References
    ----------
    ml-hypersim issue 9 (the distances) and contrib/mikeroberts3000 (the cameras).
    """
    height, width = distance.shape
    u = (2 * np.arange(width) + 1) / width - 1
    v = 1 - (2 * np.arange(height) + 1) / height
    grid = np.stack([*np.meshgrid(u, v), np.ones((height, width))])  # (3, H, W)
    rays = np.einsum("ij,jhw->ihw", camera, grid)
    depth = distance * np.abs(rays[2]) / np.linalg.norm(rays, axis=0)
    inverse = np.full(distance.shape, np.nan)
    np.divide(1, depth, out=inverse, where=np.isfinite(depth) & (depth > 0))
    return inverse.astype(np.float32)


def standard_camera(height: int, width: int) -> FloatArray:
    """Return the camera of most scenes: 60 degrees wide, square pixels, no shift."""
    half = np.tan(FIELD_OF_VIEW / 2)
    return np.diag([half, half * height / width, -1.0])


def tone_map(colour: NDArray[np.floating], valid: NDArray[np.bool_]) -> Image:
    """Map linear colour to [0, 1]: the 90th percentile of brightness becomes 0.8, gamma 2.2.

    Parameters
    ----------
    colour : (H, W, 3) array
        Linear RGB, not below 0.
    valid : (H, W) bool array
        The pixels that the percentile is taken from.

    References
    ----------
    ``scene_generate_images_tonemap.py`` of ml-hypersim.
    """
    linear = np.nan_to_num(colour.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    brightness = linear @ np.array([0.3, 0.59, 0.11])
    level = np.percentile(brightness[valid], 90) if valid.any() else 0.8**2.2
    scale = 0.8**2.2 / level if level >= 1e-4 else 0.0
    return np.clip((scale * linear.clip(min=0)) ** (1 / 2.2), 0, 1).astype(np.float32)


def _frame(
    scene: Path, camera: str, number: int, matrix: FloatArray | None, instances: bool
) -> Frame:
    images = scene / "images"
    geometry = images / f"scene_{camera}_geometry_hdf5"
    stem = f"frame.{number:04d}"
    hdr = images / f"scene_{camera}_final_hdf5" / f"{stem}.color.hdf5"
    preview = images / f"scene_{camera}_final_preview" / f"{stem}.tonemap.jpg"
    inputs = [("depth", geometry / f"{stem}.depth_meters.hdf5")]
    if instances:
        inputs.append(("instances", geometry / f"{stem}.semantic_instance.hdf5"))
    entities = geometry / f"{stem}.render_entity_id.hdf5"
    if hdr.is_file() and entities.is_file():
        inputs.append(("entities", entities))
    name = f"{scene.resolve().name}/{camera}/{stem}"
    image = hdr if hdr.is_file() else preview
    return Frame(name, image, tuple(inputs), partial(_read, matrix))


def _read(matrix: FloatArray | None, frame: Frame) -> Sample:
    inputs = dict(frame.inputs)
    distance = read_hdf5(inputs["depth"], KEY, 2)
    camera = standard_camera(*distance.shape) if matrix is None else matrix
    ids = None
    if "instances" in inputs:
        ids = np.maximum(read_hdf5(inputs["instances"], KEY, 2), 0).astype(np.int32)
    if frame.image.suffix == ".hdf5":
        colour = read_hdf5(frame.image, KEY, 3)
        valid = np.ones(colour.shape[:2], bool)
        if "entities" in inputs:
            valid = read_hdf5(inputs["entities"], KEY, 2) != -1
        image = tone_map(colour, valid)
    else:
        image = read_image(frame.image)
    return frame.sample(image, planar_inverse_depth(distance, camera), ids)


def _frames(
    scene: Path, public: set[tuple[str, str, int]] | None, first: bool
) -> Iterator[tuple[str, int]]:
    """Camera and number of the first frame of each trajectory of a scene, or of all."""
    for folder in sorted((scene / "images").glob("scene_cam_*_geometry_hdf5")):
        camera = folder.name.removeprefix("scene_").removesuffix("_geometry_hdf5")
        numbers = sorted(
            int(found[1])
            for path in folder.glob("frame.*.depth_meters.hdf5")
            if (found := re.match(r"frame\.(\d+)\.", path.name))
        )
        for number in numbers:
            if public is None or (scene.resolve().name, camera, number) in public:
                yield camera, number
                if first:
                    break


def _public_frames(root: Path) -> set[tuple[str, str, int]] | None:
    try:
        rows = _table(root, IMAGES_TABLE)
        if rows is None:
            return None
        return {
            (row["scene_name"], row["camera_name"], int(row["frame_id"]))
            for row in rows
            if row["included_in_public_release"] == "True"
        }
    except (OSError, csv.Error, KeyError, ValueError) as error:
        raise UsageError(f"{IMAGES_TABLE} of {shown(root)} is damaged: {error}") from error


def _camera_matrices(root: Path) -> dict[str, FloatArray]:
    try:
        return {
            row["scene_name"]: np.array(
                [[float(row[f"M_cam_from_uv_{i}{j}"]) for j in range(3)] for i in range(3)]
            )
            for row in _table(root, CAMERAS_TABLE) or ()
        }
    except (OSError, csv.Error, KeyError, ValueError) as error:
        raise UsageError(f"{CAMERAS_TABLE} of {shown(root)} is damaged: {error}") from error


def _table(root: Path, name: str) -> list[dict[str, str]] | None:
    for folder in TABLE_FOLDERS:
        path = root / folder / name
        if path.is_file():
            with path.open(newline="", encoding="utf-8-sig") as file:
                return list(csv.DictReader(file, restval=""))
    return None
