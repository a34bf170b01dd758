"""What `refine` was asked for, as data: `refine` plans by it, its worker reads and writes by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskdepth_cli.choices import MAX_MEGAPIXELS, DepthKind
from maskdepth_cli.engine.loading import DEFAULT_WEIGHTS
from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.pairing import DEPTH_SUFFIXES
from maskdepth_cli.run.gathering import Wanted
from maskdepth_cli.side.choice import SideChoice


@dataclass(frozen=True)
class RefineRequest:
    """What `maskdepth refine` was asked for.

    Parameters
    ----------
    inputs
        Files, folders, or `-` for a list on stdin.
    masks, instances
        Where the masks or the instance maps are; exactly one of them.
    depths
        Where the initial depth maps are; None: they are predicted.
    side
        The network that predicts them.
    depth_kind
        What they hold; the same is written.
    format
        One of `files.depths.DEPTH_FORMATS`.
    layers, preview
        Whether these are written besides.
    weights
        Name of embedded weights, or a file.
    settings
        Fields of `RefineSettings` that differ from the default.
    max_megapixels
        Larger pictures are refused.
    """

    inputs: tuple[str, ...]
    masks: Path | None = None
    instances: Path | None = None
    depths: Path | None = None
    side: SideChoice = field(default_factory=SideChoice)
    depth_kind: DepthKind = "inverse"
    format: str = "png"
    layers: bool = False
    preview: bool = False
    weights: str = DEFAULT_WEIGHTS
    settings: Mapping[str, Any] = field(default_factory=dict)
    max_megapixels: float = MAX_MEGAPIXELS

    def wanted(self) -> list[Wanted]:
        """Return what every photo needs.

        Raises
        ------
        UsageError
            Masks are not named, or what is said of the initial depth contradicts itself.
        """
        if (self.masks is None) == (self.instances is None):
            raise UsageError("give either --masks or --instances")
        if self.depths and self.side.model:
            raise UsageError("--model predicts the initial depth, --depths gives it; drop one")
        if self.depths is None and self.depth_kind != "inverse":
            raise UsageError("--depth-kind says what --depths holds; without it, drop that too")
        if self.masks:
            masks = Wanted("mask", "mask", self.masks, several=True)
        else:
            assert self.instances is not None
            masks = Wanted("instances", "instance map", self.instances)
        if self.depths is None:
            return [masks]
        return [masks, Wanted("depth", "depth map", self.depths, DEPTH_SUFFIXES)]
