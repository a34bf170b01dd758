"""Sources of a recipe by the names of their layouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from maskdepth_cli.choices import MaskKind
from maskdepth_cli.datasets.colour_depth import open_diode, open_irs, open_megadepth
from maskdepth_cli.datasets.hypersim import open_hypersim
from maskdepth_cli.datasets.nyu import open_nyu
from maskdepth_cli.datasets.samples import DepthDataset
from maskdepth_cli.datasets.tartanair import V1, V2, open_all_tartanair
from maskdepth_cli.errors import NothingToDoError, UsageError
from maskdepth_cli.files.names import shown
from maskdepth_cli.training.drawn_frames import DrawnFrames
from maskdepth_cli.training.drawn_masks import DRAWINGS, DrawnMasks
from maskdepth_cli.training.frame_sets import DatasetFrames, Frames, mixture
from maskdepth_cli.training.mask_sets import Ade20k, CocoPanoptic, FrameRegions, MaskMixture, Masks
from maskdepth_cli.training.masks import MaskFolder
from maskdepth_cli.training.recipe import FrameSource, MaskSource
from maskdepth_cli.training.sources import FrameFolder

FRAME_LAYOUTS: dict[str, Callable[[Path], DepthDataset]] = {
    "hypersim": partial(open_hypersim, select="all"),
    "tartanair": partial(open_all_tartanair, version=V1),
    "tartanair2": partial(open_all_tartanair, version=V2),
    "nyu": open_nyu,
    "diode": open_diode,
    "megadepth": open_megadepth,
    "irs": open_irs,
}
# Names of the folders that hold the masks.
MASK_FOLDERS: dict[str, frozenset[str]] = {
    "duts": frozenset(("duts-tr-mask", "duts-te-mask", "mask", "masks", "gt", "groundtruth")),
    "alpha": frozenset(("alpha", "alphas", "matte", "mattes", "mask", "pha", "gt")),
}
MASK_LAYOUTS = ("folder", "coco-panoptic", "ade20k", *MASK_FOLDERS, "instances", *DRAWINGS)


def open_frames(sources: Sequence[FrameSource], folders: Sequence[Path], data: Path) -> Frames:
    """Open the RGB-D sets of a recipe, and folders of the generic layout as one more of weight 1.

    Parameters
    ----------
    sources : sequence of FrameSource
        Of the recipe.
    folders : sequence of Path
        Given beside it.
    data : Path
        What the recipe's paths are relative to.

    Raises
    ------
    UsageError
        There is no source, or one has an unknown layout.
    NothingToDoError
        A source is empty.
    """
    parts: list[tuple[Frames, float]] = []
    for source in sources:
        _check_weight(source)
        if source.layout == "drawn":
            parts.append((DrawnFrames(), source.weight))
            continue
        root = _root(data, source)
        if source.layout == "folder":
            parts.append((FrameFolder(root, kind=source.kind), source.weight))
        elif source.layout in FRAME_LAYOUTS:
            dataset = FRAME_LAYOUTS[source.layout](root)
            parts.append((DatasetFrames(dataset), source.weight))
        else:
            known = ", ".join(("folder", "drawn", *FRAME_LAYOUTS))
            raise UsageError(f"[[frames]]: layout '{source.layout}' is not one of {known}")
    if folders:
        parts.append((FrameFolder(*folders), 1.0))
    frames = mixture(parts)
    if frames is None:
        raise UsageError(
            "nothing to train on: name a folder with --rgbd, or [[frames]] in a recipe"
        )
    return frames


def open_masks(
    sources: Sequence[MaskSource], folders: Sequence[Path], data: Path, frames: Frames
) -> Masks | None:
    """Open the mask sets of a recipe, and folders of mask files as one more of weight 1.

    Returns
    -------
    Masks or None
        None where neither is given: masks are regions of the frames then.

    Raises
    ------
    UsageError
        A source has an unknown layout or kind, or frames without instance maps are to give masks.
    NothingToDoError
        A source is empty.
    """
    parts = [(_masks(source, data, frames), source.weight) for source in sources]
    if folders:
        parts.append((MaskFolder(folders), 1.0))
    if not parts:
        if frames.labelled is None:
            raise UsageError(
                f"{frames.name}: no instance maps to take masks from; give --masks DIR"
            )
        return None
    sets, weights = zip(*parts, strict=True)
    return MaskMixture(sets, weights)


def _masks(source: MaskSource, data: Path, frames: Frames) -> Masks:
    _check_weight(source)
    kinds: tuple[MaskKind, ...] = ("object", "sky", "human")
    if source.kind not in kinds:
        raise UsageError(f"[[masks]]: kind '{source.kind}' is not one of {', '.join(kinds)}")
    kind = kinds[kinds.index(source.kind)]
    if source.layout == "instances":
        if frames.labelled is None:
            raise UsageError(f"{frames.name}: no instance maps to take masks from")
        return FrameRegions(frames.labelled)
    if source.layout in DRAWINGS:
        return DrawnMasks(source.layout)
    root = _root(data, source)
    if source.layout == "folder":
        return MaskFolder([root], kind)
    if source.layout == "coco-panoptic":
        return CocoPanoptic(root)
    if source.layout == "ade20k":
        return Ade20k(root)
    if source.layout in MASK_FOLDERS:
        names = MASK_FOLDERS[source.layout]
        roots = [
            p for p in sorted((root, *root.rglob("*"))) if p.is_dir() and p.name.lower() in names
        ]
        if not roots:
            raise NothingToDoError(f"{shown(root)}: no folder called {', '.join(sorted(names))}")
        return MaskFolder(roots, kind)
    raise UsageError(f"[[masks]]: layout '{source.layout}' is not one of {', '.join(MASK_LAYOUTS)}")


def _check_weight(source: FrameSource | MaskSource) -> None:
    if not source.weight > 0:
        raise UsageError(
            f"the weight {source.weight:g} of the source '{source.layout}' is not above 0"
        )


def _root(data: Path, source: FrameSource | MaskSource) -> Path:
    root = data / source.root
    if not source.root or not root.exists():
        raise NothingToDoError(
            f"{shown(root)}: not there; it is the root of a source '{source.layout}', relative to "
            "--data"
        )
    return root
