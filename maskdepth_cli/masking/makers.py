"""What makes masks of photos: named as `rembg`, `rembg:MODEL`, `transformers:ORG/NAME`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from maskdepth_cli.errors import UsageError
from maskdepth_cli.types import Mask, Photo

REMBG, TRANSFORMERS = "rembg", "transformers"
DEFAULT_REMBG = "u2net"  # under Apache-2.0; rembg's own default is for non-commercial use alone


@dataclass(frozen=True)
class Found:
    """An object in a photo: its mask (H, W) and its class, empty where the network has none."""

    mask: Mask
    label: str = ""


class Network(Protocol):
    """Finds objects in photos."""

    def find(self, photo: Photo) -> list[Found]:
        """Return the objects in a photo (H, W, 3)."""


@dataclass(frozen=True)
class Maker:
    """A network by name.

    Parameters
    ----------
    library
        `rembg`: one mask a photo; `transformers`: objects with classes.
    model
        The network's name, or a file or folder on disk.
    """

    library: str
    model: str

    @property
    def name(self) -> str:
        """How it was typed, the default written out."""
        return f"{self.library}:{self.model}"

    @property
    def has_classes(self) -> bool:
        """Whether its masks are annotations of several objects."""
        return self.library == TRANSFORMERS

    def load(self) -> Network:
        """Load the network.

        Raises
        ------
        WeightsError
            The library is missing, or the network cannot be had.
        UsageError
            The network does not run on this machine.
        """
        if self.library == REMBG:
            from maskdepth_cli.masking.rembg_network import load_rembg

            return load_rembg(self.model)
        from maskdepth_cli.masking.segmentation import load_segmentation

        return load_segmentation(self.model)


def maker_of(place: Path | None) -> Maker | None:
    """Return what `--masks` names in place of a folder; None where it names a place.

    Raises
    ------
    UsageError
        No network is named where one is needed.
    """
    if place is None or place.exists():
        return None
    library, _, model = str(place).partition(":")
    if library == REMBG:
        return Maker(REMBG, model or DEFAULT_REMBG)
    if library != TRANSFORMERS:
        return None
    if not model:
        raise UsageError("--masks transformers:ORG/NAME: the network's name is missing")
    return Maker(TRANSFORMERS, model)
