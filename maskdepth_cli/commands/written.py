"""The depth maps of an earlier run, read as its manifest says they were written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from maskdepth_cli.choices import MAX_MEGAPIXELS, DepthKind
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.run.manifest import Record
from maskdepth_cli.types import InverseDepth


@dataclass(frozen=True)
class Written:
    """What a manifest's line says of a photo's depth maps.

    Parameters
    ----------
    kind
        What they hold; None where the line does not tell.
    unknown
        The number of unknown pixels, for files that do not say so themselves.
    """

    kind: DepthKind | None
    unknown: float | None = None

    @classmethod
    def of(cls, record: Record) -> Written:
        """Take the scale out of a line."""
        scale = record.table("scale")
        kind = next((known for known in get_args(DepthKind) if known == scale.get("kind")), None)
        unknown = scale.get("unknown")
        return cls(kind, float(unknown) if isinstance(unknown, int | float) else None)

    def read(self, path: Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> InverseDepth:
        """Read one of the maps, as inverse depth where its kind is not told."""
        return read_depth(
            path, self.kind or "inverse", unknown=self.unknown, max_megapixels=max_megapixels
        )
