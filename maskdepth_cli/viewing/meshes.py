"""A photo with two layers as textured surfaces in one GLB file, for 3D viewers and engines."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from maskdepth_cli.arrays import resize
from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.viewing.views import LayeredScene

_VERTICES = 640  # along the long side, at most
_TORN = 1.2  # ratio of distances between which no surface is spanned


def check_trimesh() -> None:
    """Refuse meshes where the package that writes them is missing.

    Raises
    ------
    UsageError
        The package `trimesh` is not installed.
    """
    if find_spec("trimesh") is None:
        raise UsageError("trimesh is not installed: pip install 'maskdepth[mesh]'")


def layered_mesh(scene: LayeredScene, near: float, far: float, focal: float) -> Any:
    """Span a surface over each layer: pinhole camera at the origin, looking along -z, y up.

    Surfaces are cut where one would lead from something to what is a fifth farther away, and the
    object's where its mask is empty. Its texture has the mask as alpha.

    Parameters
    ----------
    scene
        The photo and its layers.
    near, far
        Distances of what is nearest and farthest; 1 / distance is linear in between.
    focal
        Focal length in pixels of the scene.

    Returns
    -------
    trimesh.Scene
        With the geometries `background` and `foreground`.
    """
    import trimesh

    made = trimesh.Scene()
    alpha = np.rint(scene.mask * 255).astype(np.uint8)
    behind = _surface(scene.far, None, PILImage.fromarray(scene.background), near, far, focal)
    made.add_geometry(behind, geom_name="background")
    if alpha.any():
        texture = PILImage.fromarray(np.dstack([scene.foreground, alpha]))
        own = _surface(scene.near, scene.mask, texture, near, far, focal)
        made.add_geometry(own, geom_name="foreground")
    return made


def _surface(
    nearness: NDArray[np.float32],
    mask: NDArray[np.float32] | None,
    texture: PILImage.Image,
    near: float,
    far: float,
    focal: float,
) -> Any:
    trimesh: Any = import_module("trimesh")  # typed in part only
    height, width = nearness.shape
    step = max(height, width) / min(max(height, width), _VERTICES)
    shape = (max(2, round(height / step)), max(2, round(width / step)))
    # Single pixels, not means: these would lie between the surfaces.
    rows = np.rint(np.linspace(0, height - 1, shape[0])).astype(int)
    columns = np.rint(np.linspace(0, width - 1, shape[1])).astype(int)
    z = 1 / (1 / far + nearness[rows][:, columns].astype(np.float64) * (1 / near - 1 / far))
    x = (columns + 0.5 - width / 2) * z / focal
    y = (height / 2 - rows - 0.5)[:, None] * z / focal
    index = np.arange(z.size).reshape(shape)
    corners = [index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]]
    distances = np.stack([z.ravel()[corner] for corner in corners])
    kept = distances.max(axis=0) < _TORN * distances.min(axis=0)
    if mask is not None:
        covered = resize(mask, shape, "area").ravel() > 0
        kept &= np.stack([covered[corner] for corner in corners]).any(axis=0)
    one, two, three, four = (corner[kept] for corner in corners)
    faces = np.concatenate([np.stack([one, two, three], 1), np.stack([one, three, four], 1)])
    across, down = np.meshgrid((columns + 0.5) / width, 1 - (rows + 0.5) / height)
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=texture,
        metallicFactor=0.0,
        roughnessFactor=1.0,
        alphaMode=None if mask is None else "BLEND",
        doubleSided=True,
    )
    mesh = trimesh.Trimesh(
        np.stack([x.ravel(), y.ravel(), -z.ravel()], axis=1),
        faces,
        visual=trimesh.visual.TextureVisuals(
            uv=np.stack([across.ravel(), down.ravel()], axis=1), material=material
        ),
        process=False,
    )
    mesh.remove_unreferenced_vertices()
    return mesh


def write_glb(path: Path, scene: Any) -> None:
    """Write a trimesh scene; the target is replaced in one step or left as it was.

    Raises
    ------
    OutputError
        The target cannot be written.
    """
    data = scene.export(file_type="glb")
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
