"""Refinement networks from weights files: embedded, one's own, or the authors'."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from maskdepth_cli.errors import WeightsError, one_line
from maskdepth_cli.weights.authors import is_authors, load_authors
from maskdepth_cli.weights.cache import weights_sha256
from maskdepth_cli.weights.checkpoints import SAFETENSORS, load_state, mismatch
from maskdepth_cli.weights.registry import ENTRIES, find_entry
from maskdepth_cli.weights.store import fetch_entry
from maskdepth_cli.weights.tensors import load_tensors

if TYPE_CHECKING:
    from torch import nn

    from maskdepth_cli.networks.building import OwnNetwork


EMBEDDED = Path(__file__).parent / "embedded"
# Refinement weights in EMBEDDED, by name, with their SHA-256.
EMBEDDED_DIGESTS = {e.name: e.sha256 for e in ENTRIES if e.embedded and e.kind == "refinement"}


def load_refinement(path: Path) -> nn.Module:
    """Load a refinement network of ours, or the authors', told by their keys.

    Raises
    ------
    WeightsError
        The file is missing or damaged, or holds another network.
    """
    if path.suffix == SAFETENSORS and load_tensors(path)[1]:
        return load_network(path)
    state = load_state(path)
    if is_authors(state):
        return load_authors(state, path)
    raise WeightsError(
        f"{path}: neither refinement weights of this package nor the authors' checkpoint"
    )


def load_network(path: Path) -> OwnNetwork:
    """Build the network that a safetensors file describes and load its weights.

    Raises
    ------
    WeightsError
        The file is missing or damaged, has no configuration, or its keys do not fit.
    """
    from maskdepth_cli.networks.building import build_network
    from maskdepth_cli.networks.config import read_config
    from maskdepth_cli.networks.unfilled import unfilled

    state, config = load_tensors(path)
    if not config:
        raise WeightsError(
            f"{path}: no network configuration in its header; it is no refinement weights file"
        )
    try:
        described = read_config(config)
        with unfilled(shapes_only=True):  # the file's header may ask for more than the memory holds
            expected = build_network(described).state_dict()
    except (TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: does not fit the network: {one_line(error)}") from error
    if problem := mismatch(expected, state):
        raise WeightsError(f"{path}: does not fit the network: {problem}")
    with unfilled():
        network = build_network(described)
    network.load_state_dict(
        {n: v.float() if v.is_floating_point() else v for n, v in state.items()}, assign=True
    )
    return network


def find_weights(weights: str | os.PathLike[str]) -> Path:
    """Resolve a name of embedded or registered weights, or a file, to a path.

    Raises
    ------
    WeightsError
        Neither is there, or an embedded file is another one.
    """
    path = EMBEDDED / f"{weights}.safetensors"
    if os.fspath(weights) in EMBEDDED_DIGESTS:
        if not path.exists():
            raise WeightsError(f"{path}: missing; install the package again")
        if weights_sha256(path) != EMBEDDED_DIGESTS[os.fspath(weights)]:
            raise WeightsError(f"{path}: not the embedded file; install the package again")
        return path
    if (path := Path(weights)).is_file():
        return path
    if entry := find_entry(os.fspath(weights), "refinement"):
        return fetch_entry(entry)
    raise WeightsError(
        f"{path}: no such weights; give a safetensors file or one of {', '.join(EMBEDDED_DIGESTS)}"
    )
