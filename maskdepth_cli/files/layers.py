"""Layers for compositors: several float pictures in one TIFF or one OpenEXR file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import UsageError
from maskdepth_cli.files import libraries
from maskdepth_cli.files.atomic import atomic_write

NamedLayers = Mapping[str, NDArray[np.float32]]

_PAGE_NAME = 285


def check_openexr() -> None:
    """Refuse OpenEXR where its package is missing.

    Raises
    ------
    UsageError
        The package `openexr` is not installed.
    """
    if find_spec("OpenEXR") is None:
        raise UsageError("OpenEXR is not installed: pip install 'maskdepth[exr]', or choose tiff")


def write_layers_tiff(path: str | Path, layers: NamedLayers, facts: Mapping[str, Any]) -> None:
    """Write one page a layer, 32-bit floats, deflate; the target is replaced in one step.

    Parameters
    ----------
    path : str or Path
        The target.
    layers : mapping
        Name to picture (H, W) or (H, W, 3); the name is the page's `PageName`.
    facts : mapping
        Kept as JSON in each page's description, with the name as `layer`.

    Raises
    ------
    OutputError
        If the target cannot be written.
    """
    with atomic_write(path) as temporary, libraries.tiff().TiffWriter(temporary) as file:
        for name, values in layers.items():
            file.write(
                np.ascontiguousarray(values, np.float32),
                photometric="rgb" if values.ndim == 3 else "minisblack",
                compression="zlib",
                description=json.dumps({"maskdepth": {"layer": name, **facts}}),
                metadata=None,
                software=False,
                extratags=[(_PAGE_NAME, "s", 0, name, True)],
            )


def write_layers_exr(path: str | Path, layers: NamedLayers, facts: Mapping[str, Any]) -> None:
    """Write one OpenEXR file with named channels, 32-bit floats, ZIP.

    Parameters
    ----------
    path : str or Path
        The target.
    layers : mapping
        Name to picture: (H, W, 3) becomes the channels `NAME.R`, `NAME.G`, `NAME.B`, (H, W) the
        channel `NAME`.
    facts : mapping
        Kept as JSON in the header's `comments`.

    Raises
    ------
    OutputError
        If the target cannot be written.
    """
    import OpenEXR

    channels: dict[str, NDArray[np.float32]] = {}
    for name, values in layers.items():
        if values.ndim == 3:
            prefix = f"{name}." if name else ""
            for i, letter in enumerate("RGB"):
                channels[prefix + letter] = np.ascontiguousarray(values[..., i], np.float32)
        else:
            channels[name] = np.ascontiguousarray(values, np.float32)
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "comments": json.dumps({"maskdepth": dict(facts)}),
    }
    with atomic_write(path) as temporary:
        OpenEXR.File(header, channels).write(str(temporary))
