"""Sets of masks in their original layouts, by kind, and mixtures of them (paper section 3.1)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MaskKind
from maskdepth_cli.errors import NothingToDoError
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.masks import read_instance_map
from maskdepth_cli.files.names import shown
from maskdepth_cli.training.frame_sets import Frames
from maskdepth_cli.training.memory import Remembered
from maskdepth_cli.training.sources import draw_readable
from maskdepth_cli.types import InstanceMap, Mask

BinaryMask = NDArray[np.uint8]  # (H, W), 1 = inside
# Of the square of an image's short side: what is smaller hardly ever fills enough of a crop.
SMALLEST = 0.0075
ADE_CLASSES: dict[MaskKind, int] = {"sky": 3, "human": 13}  # of 150, from 1 on


class Masks(Protocol):
    """What the masks of composites are drawn from."""

    kinds: frozenset[MaskKind]

    def draw(self, kind: MaskKind, rng: np.random.Generator) -> BinaryMask | Mask | None:
        """Draw a whole mask of a kind, hard or soft; None where the file drawn has none."""


class CocoPanoptic:
    """COCO panoptic: ``panoptic_*.json`` beside a folder of that name with id maps as PNG.

    Category ``person`` is human, ``sky*`` is sky, other things are objects; crowds and what is
    too small are left out.

    Parameters
    ----------
    root : Path
        A folder that holds it, at any depth.

    Raises
    ------
    NothingToDoError
        There is no JSON file with its folder.
    InputFileError
        The JSON file is damaged.
    """

    def __init__(self, root: Path) -> None:
        tables = [path for path in sorted(root.rglob("panoptic_*.json")) if _maps(path).is_dir()]
        if not tables:
            raise NothingToDoError(
                f"{shown(root)}: no COCO panoptic set here; expected "
                "annotations/panoptic_train2017.json with the folder panoptic_train2017"
            )
        self.files: list[Path] = []
        found: dict[MaskKind, list[tuple[int, int]]] = defaultdict(list)
        for table in tables:
            self._add(table, found)
        self.segments = {kind: np.array(pairs, np.int64) for kind, pairs in found.items()}
        self.kinds = frozenset(self.segments)
        self.map = Remembered(self._read)

    def draw(self, kind: MaskKind, rng: np.random.Generator) -> BinaryMask | None:
        """Draw a segment of a kind."""
        segments = self.segments[kind]

        def mask(index: int) -> BinaryMask:
            file, segment = segments[index]
            return (self.map(int(file)) == segment).astype(np.uint8)

        return draw_readable(mask, len(segments), rng)

    def _add(self, table: Path, found: dict[MaskKind, list[tuple[int, int]]]) -> None:
        with open_file(table) as stream:
            content: dict[str, Any] = json.load(stream)
            kinds = {c["id"]: _coco_kind(c) for c in content["categories"]}
            sides = {i["id"]: min(i["height"], i["width"]) for i in content["images"]}
            for image in content["annotations"]:
                least = SMALLEST * sides[image["image_id"]] ** 2
                for segment in image["segments_info"]:
                    kind = kinds[segment["category_id"]]
                    if kind and not segment.get("iscrowd") and segment["area"] >= least:
                        found[kind].append((len(self.files), segment["id"]))
                self.files.append(_maps(table) / image["file_name"])

    def _read(self, index: int) -> InstanceMap:
        return read_instance_map(self.files[index], panoptic=True)


class Ade20k:
    """ADE20K's scene parsing set: ``annotations/{training,validation}/*.png``, 150 classes.

    Class 3 is sky, 13 is person; of any other class one connected region is an object.

    Parameters
    ----------
    root : Path
        ``ADEChallengeData2016``, or a folder that holds it.

    Raises
    ------
    NothingToDoError
        There is no annotation.
    """

    kinds: frozenset[MaskKind] = frozenset(("object", "sky", "human"))

    def __init__(self, root: Path) -> None:
        self.files = sorted(root.rglob("annotations/*/ADE_*.png"))
        if not self.files:
            raise NothingToDoError(
                f"{shown(root)}: no ADE20K set here; expected "
                "ADEChallengeData2016/annotations/training/ADE_train_00000001.png"
            )
        self.map = Remembered(self._read)

    def draw(self, kind: MaskKind, rng: np.random.Generator) -> BinaryMask | None:
        """Draw a region of a kind."""
        classes = draw_readable(self.map, len(self.files), rng)
        if kind in ADE_CLASSES:
            mask = (classes == ADE_CLASSES[kind]).astype(np.uint8)
            return mask if mask.any() else None
        others = [c for c in np.unique(classes) if c and c not in ADE_CLASSES.values()]
        if not others:
            return None
        inside = (classes == rng.choice(others)).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
        least = SMALLEST * min(classes.shape) ** 2
        large = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= least) + 1
        return (labels == rng.choice(large)).astype(np.uint8) if len(large) else None

    def _read(self, index: int) -> InstanceMap:
        return read_instance_map(self.files[index])


class FrameRegions:
    """Instances of RGB-D sets as masks for composites of other frames.

    Parameters
    ----------
    frames : Frames
        With instance maps; a region of id 0 is sky.
    """

    kinds: frozenset[MaskKind] = frozenset(("object", "sky"))

    def __init__(self, frames: Frames) -> None:
        self.frames = frames

    def draw(self, kind: MaskKind, rng: np.random.Generator) -> BinaryMask | None:
        """Draw a region of a frame."""
        instances = self.frames.draw(rng).instances
        if instances is None:
            return None
        ids, counts = np.unique(instances, return_counts=True)
        fits = counts >= SMALLEST * min(instances.shape) ** 2
        wanted = ids[fits & ((ids == 0) if kind == "sky" else (ids > 0))]
        return (instances == rng.choice(wanted)).astype(np.uint8) if len(wanted) else None


class MaskMixture:
    """Several sets: one that has the kind by its weight, then one of its masks.

    Parameters
    ----------
    sets : sequence of Masks
        At least one.
    weights : sequence of float
        Above 0, in any scale.
    """

    def __init__(self, sets: Sequence[Masks], weights: Sequence[float]) -> None:
        self.kinds = frozenset(kind for part in sets for kind in part.kinds)
        self.by_kind = {
            kind: [
                (part, weight)
                for part, weight in zip(sets, weights, strict=True)
                if kind in part.kinds
            ]
            for kind in self.kinds
        }

    def draw(self, kind: MaskKind, rng: np.random.Generator) -> BinaryMask | Mask | None:
        """Draw a set, then a mask."""
        parts, weights = zip(*self.by_kind[kind], strict=True)
        shares = np.array(weights) / sum(weights)
        chosen: Masks = parts[int(rng.choice(len(parts), p=shares))]
        return chosen.draw(kind, rng)


def _maps(table: Path) -> Path:
    return table.with_suffix("")


def _coco_kind(category: dict[str, Any]) -> MaskKind | None:
    if category["name"] == "person":
        return "human"
    if category["name"].startswith("sky"):
        return "sky"
    return "object" if category["isthing"] else None
