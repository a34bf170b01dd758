"""From a weights name or file to a refiner: where weights and engine meet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from maskdepth_cli.engine.refiner import Refiner
    from maskdepth_cli.engine.settings import RefineChanges, RefineSettings

DEFAULT_WEIGHTS = "trust"


def load_refiner(
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    settings: RefineSettings | None = None,
    **changes: Unpack[RefineChanges],
) -> Refiner:
    """Load refinement weights.

    Parameters
    ----------
    weights : str or path
        Name of embedded weights (``"trust"``), a safetensors file of this package, or the paper
        authors' checkpoint.
    settings : RefineSettings, optional
        How it works; the defaults where it is left out.
    **changes
        Fields of `RefineSettings` that differ from these, such as ``device="cuda:1"`` or
        ``working_size=768``.

    Returns
    -------
    Refiner
        Ready to refine arrays.

    Raises
    ------
    WeightsError
        There are no such weights, or they do not fit.
    UsageError
        A setting is unknown or out of its range, or the device or the precision cannot be had
        here.
    """
    from maskdepth_cli.engine.refiner import Refiner
    from maskdepth_cli.engine.settings import RefineSettings
    from maskdepth_cli.settings import changed
    from maskdepth_cli.weights.refinement import find_weights, load_refinement

    chosen = changed(settings or RefineSettings(), changes)
    return Refiner(load_refinement(find_weights(weights)), chosen)


def weights_id(weights: str | os.PathLike[str] = DEFAULT_WEIGHTS) -> str:
    """SHA-256 of a weights file: part of the key by which finished outputs are recognised."""
    from maskdepth_cli.weights.cache import weights_sha256
    from maskdepth_cli.weights.refinement import find_weights

    return weights_sha256(find_weights(weights))
