"""RGB-D frames to train on: folders of colour, inverse depth and, where known, instances."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import NothingToDoError
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.metrics.alignment import align
from maskdepth_cli.types import InstanceMap, InverseDepth

CACHED_FRAMES = 2000  # decoded frames kept in memory: a small set is decoded once


@dataclass(frozen=True)
class Frame:
    """One decoded frame."""

    rgb: NDArray[np.uint8]  # (H, W, 3)
    depth: InverseDepth  # (H, W), finite, any scale
    instances: InstanceMap | None  # (H, W), 0 = none (sky)
    initial: InverseDepth | None = None  # (H, W), a SIDE network's, aligned to ``depth``


class FrameFolder:
    """``ROOT/{rgb,depth,seg,initial}/NAME.*``: the generic layout; the last two may be missing.

    Parameters
    ----------
    *roots : Path
        Folders of these folders, together one set. Depth files hold inverse depth; ``initial``
        holds what a SIDE network made of the colour image, in any scale and offset.

    Raises
    ------
    NothingToDoError
        No pair of colour and depth lies in one of them.
    """

    def __init__(self, *roots: Path) -> None:
        self.roots = roots
        self.files = [files for root in roots for files in _list(root)]
        self.frame = lru_cache(CACHED_FRAMES)(self._read)

    def __len__(self) -> int:
        return len(self.files)

    def _read(self, index: int) -> Frame:
        files = self.files[index]
        depth = read_depth(files.depth, "inverse")
        return Frame(
            rgb=np.rint(read_image(files.rgb) * 255).astype(np.uint8),
            depth=depth,
            instances=None if files.seg is None else read_instance_map(files.seg),
            initial=None if files.initial is None else _aligned(files.initial, depth),
        )


class _Files(NamedTuple):
    rgb: Path
    depth: Path
    seg: Path | None
    initial: Path | None


def _aligned(path: Path, depth: InverseDepth) -> InverseDepth:
    initial = read_depth(path, "inverse")
    return align(initial, depth, np.isfinite(initial)).astype(np.float32)


def _list(root: Path) -> list[_Files]:
    depths, segs, initial = (_by_stem(root / name) for name in ("depth", "seg", "initial"))
    files = [
        _Files(image, depths[stem], segs.get(stem), initial.get(stem))
        for stem, image in sorted(_by_stem(root / "rgb").items())
        if stem in depths
    ]
    if not files:
        raise NothingToDoError(
            f"{root}: no frames; expected {root}/rgb/NAME.jpg with {root}/depth/NAME.png"
        )
    return files


def _by_stem(folder: Path) -> dict[str, Path]:
    return {p.stem: p for p in folder.iterdir() if p.is_file()} if folder.is_dir() else {}
