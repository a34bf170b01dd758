"""SIDE networks by name or file: what stands behind `load_predictor` and `maskdepth predict`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.errors import UsageError, WeightsError
from maskdepth_cli.side.preprocessing import PREPROCESSING, Preparation
from maskdepth_cli.weights.cache import entry_path, is_here, weights_sha256
from maskdepth_cli.weights.checkpoints import config_of, load_into, load_state, mismatch
from maskdepth_cli.weights.registry import ENTRIES, HUGGING_FACE, Entry, find_entry, require_entry
from maskdepth_cli.weights.store import fetch_entry

if TYPE_CHECKING:
    from torch import nn

    from maskdepth_cli.weights.download import Report


@dataclass(frozen=True)
class SideModel:
    """A SIDE network and how to use it.

    Parameters
    ----------
    name
        Of the registry, or of the file.
    network
        ``(B, 3, h, w) -> (B, 1, h', w')``.
    prepare
        Photo to network input.
    depth_kind
        What the network gives.
    """

    name: str
    network: nn.Module
    prepare: Preparation
    depth_kind: DepthKind


@dataclass(frozen=True)
class SideSource:
    """Where a SIDE network comes from, known before anything is loaded or downloaded.

    Parameters
    ----------
    name
        Of the registry, or ``hf:ORG/NAME``.
    entry
        Its entry; None for ``hf:``.
    file
        A file of the user's own in place of the entry's.
    """

    name: str
    entry: Entry | None
    file: Path | None = None


def find_side_model(
    model: str | None = None, weights: str | os.PathLike[str] | None = None
) -> SideSource:
    """Resolve what a user named.

    Parameters
    ----------
    model
        Name of the registry, ``hf:ORG/NAME``, or a checkpoint on disk; default: told from
        ``weights``, else ``lite``.
    weights
        A checkpoint on disk; without ``model`` its keys tell what it is.

    Raises
    ------
    WeightsError
        No such model, no such file, or a file that no model of ours fits.
    UsageError
        A file together with a model of transformers.
    """
    if model is not None and find_entry(model) is None and Path(model).is_file():
        model, weights = None, weights or model
    file = None if weights is None else Path(weights).expanduser()
    if file is not None and not file.is_file():
        raise WeightsError(f"{file}: no such weights file")
    if model is None:
        found = require_entry("lite") if file is None else _recognise(file)
        return SideSource(found.name, found, file)
    entry = None if model.startswith(HUGGING_FACE) else require_entry(model, "side")
    hugging_face = entry is None or entry.loader.startswith(HUGGING_FACE)
    if hugging_face and file is not None:
        raise UsageError(f"{model} takes no weights file; give {HUGGING_FACE}FOLDER instead")
    return SideSource(model, entry, file)


def default_side_model() -> str:
    """Name of the best SIDE network that is here without a download; at least ``lite``."""
    here = [e for e in ENTRIES if e.kind == "side" and (e.name == "lite" or is_here(e))]
    return max(here, key=lambda e: e.rank).name


def side_model_id(source: SideSource) -> str:
    """Return what tells one set of weights from another, for manifests.

    The digest of the file's content, or the name of a model of transformers.
    """
    if source.file is not None:
        return weights_sha256(source.file)
    if source.entry is None or source.entry.loader.startswith(HUGGING_FACE):
        return source.name
    return source.entry.sha256 or weights_sha256(entry_path(source.entry))


def load_side_model(
    source: SideSource,
    *,
    depth_kind: DepthKind | None = None,
    report: Report = lambda done, total: None,
) -> SideModel:
    """Load a SIDE network, downloading its file where it is not here.

    Parameters
    ----------
    source
        From `find_side_model`.
    depth_kind
        What the network gives, where that is not known.
    report
        Progress of a download.

    Raises
    ------
    WeightsError
        The weights cannot be had or do not fit.
    """
    entry = source.entry
    loader = source.name if entry is None else entry.loader
    if loader.startswith(HUGGING_FACE):
        from maskdepth_cli.side.hugging_face import load_hugging_face

        network, prepare, kind = load_hugging_face(loader.removeprefix(HUGGING_FACE), depth_kind)
        return SideModel(source.name, network, prepare, kind)
    assert entry is not None
    path = source.file or fetch_entry(entry, report=report)
    network = load_into(_builder(entry.loader, path), load_state(path), path, entry.name)
    return SideModel(
        entry.name, network, PREPROCESSING[entry.loader], depth_kind or entry.depth_kind
    )


def _builder(loader: str, path: Path) -> Callable[[], nn.Module]:
    """Return the function that builds a loader's network; `lite` is described by its file."""
    from maskdepth_cli.side import dpt, lite, midas

    if loader == "lite":
        config = config_of(path)
        if config.pop("network", None) != "lite":
            raise WeightsError(f"{path}: its header describes no SIDE network of this package")
        try:
            described = lite.LiteConfig.from_dict(config)
        except TypeError as error:
            raise WeightsError(f"{path}: {error}; it needs another version of maskdepth") from error
        return lambda: lite.LiteNetwork(described)
    return {
        "midas-v2.1": midas.midas_v21,
        "midas-v2.1-small": midas.midas_v21_small,
        "dpt-large": dpt.dpt_large,
        "dpt-hybrid": dpt.dpt_hybrid,
    }[loader]


def _recognise(path: Path) -> Entry:
    """Return the entry whose network a file's keys fit."""
    from maskdepth_cli.networks.unfilled import unfilled

    if config_of(path).get("network") == "lite":
        return require_entry("lite")
    state = load_state(path)
    for entry in ENTRIES:
        local = entry.kind == "side" and not entry.loader.startswith((HUGGING_FACE, "lite"))
        if not local:
            continue
        with unfilled(shapes_only=True):
            expected = _builder(entry.loader, path)().state_dict()
        if not mismatch(expected, state):
            return entry
    if find_entry(path.stem, "side"):
        raise WeightsError(f"{path}: not the weights of {path.stem}; the file is another one")
    raise WeightsError(f"{path}: fits no SIDE network of this package; name one with --model")
