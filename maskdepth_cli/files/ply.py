"""Point clouds as PLY files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.files.atomic import atomic_write

_VERTEX = np.dtype(
    [(name, "<f4") for name in ("x", "y", "z")]
    + [(name, "u1") for name in ("red", "green", "blue")]
)
_TYPES = {"<f4": "float", "|u1": "uchar"}


def write_ply(
    path: str | Path, positions: NDArray[np.float32], colors: NDArray[np.uint8], comment: str = ""
) -> None:
    """Write points as binary little-endian PLY; the target is replaced in one step.

    Parameters
    ----------
    path : str or Path
        The target.
    positions : ndarray
        (N, 3).
    colors : ndarray
        RGB (N, 3).
    comment : str
        One ASCII line for the header.

    Raises
    ------
    OutputError
        If the target cannot be written.
    """
    vertices = np.empty(len(positions), _VERTEX)
    for i, name in enumerate(("x", "y", "z")):
        vertices[name] = positions[:, i]
    for i, name in enumerate(("red", "green", "blue")):
        vertices[name] = colors[:, i]
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {comment}"] if comment else []
    lines.append(f"element vertex {len(vertices)}")
    lines += [f"property {_TYPES[_VERTEX[name].str]} {name}" for name in _VERTEX.names or ()]
    lines.append("end_header\n")
    with atomic_write(path) as temporary:
        temporary.write_bytes("\n".join(lines).encode("ascii") + vertices.tobytes())
