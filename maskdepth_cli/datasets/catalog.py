"""The test sets by the names that `maskdepth evaluate --dataset` takes."""

from __future__ import annotations

from pathlib import Path

from maskdepth_cli.choices import DatasetName, DepthKind, HypersimSelect, InstanceSource
from maskdepth_cli.datasets import derived_masks, generic, hypersim, tartanair
from maskdepth_cli.datasets.samples import DepthDataset
from maskdepth_cli.errors import NothingToDoError, UsageError
from maskdepth_cli.files.names import shown


def open_dataset(
    name: DatasetName,
    root: Path,
    *,
    masks: InstanceSource = "auto",
    kind: DepthKind = "inverse",
    unknown: float | None = None,
    number: int = 100,
    select: HypersimSelect = "trajectory",
) -> DepthDataset:
    """Open a test set from its original layout on disk.

    Parameters
    ----------
    name : str
        ``generic``, ``tartanair`` (version 1), ``tartanair2`` or ``hypersim``.
    root : Path
        Its folder.
    masks : {"auto", "instances", "files", "from-depth"}
        The instance maps of the set, its files of masks (generic only), or masks derived from the
        true depth. ``auto``: of a generic set the first that is there, in this order.
    kind : DepthKind
        What the maps of a generic set hold.
    unknown : float, optional
        The number of unknown pixels in them.
    number : int
        The frame taken of each TartanAir trajectory.
    select : {"trajectory", "scene"}
        Of what Hypersim gives the first frame.

    Returns
    -------
    DepthDataset

    Raises
    ------
    NothingToDoError
        The set is not there; the message says what to download and where it should lie.
    UsageError
        Files of masks are wanted of a set that has instance maps.
    """
    if not root.is_dir():
        raise NothingToDoError(f"{shown(root)}: no such folder")
    if masks == "auto":
        masks = generic.found_masks(root) if name == "generic" else "instances"
    if masks == "files" and name != "generic":
        raise UsageError(f"--masks files: of generic sets, not of {name}")
    derive = masks == "from-depth"
    if name == "generic":
        dataset = generic.open_generic(root, masks, kind, unknown)
    elif name == "hypersim":
        dataset = hypersim.open_hypersim(root, not derive, select)
    else:
        version = tartanair.V1 if name == "tartanair" else tartanair.V2
        dataset = tartanair.open_tartanair(root, version, not derive, number)
    return derived_masks.with_derived_masks(dataset) if derive else dataset
