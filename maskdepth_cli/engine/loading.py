"""From a weights name or file to a refiner: where weights and engine meet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskdepth_cli.engine.refiner import Refiner

DEFAULT_WEIGHTS = "tiny"


def load_refiner(weights: str | os.PathLike[str] = DEFAULT_WEIGHTS, **settings: Any) -> Refiner:
    """Load refinement weights.

    Parameters
    ----------
    weights : str or path
        Name of embedded weights (``"tiny"``), a safetensors file of this package, or the paper
        authors' checkpoint.
    **settings
        Fields of `RefineSettings`, such as ``device="cpu"`` or ``working_size=512``.

    Returns
    -------
    Refiner
        Ready to refine arrays.

    Raises
    ------
    WeightsError
        There are no such weights, or they do not fit.
    UsageError
        The device or the precision cannot be had here.
    """
    from maskdepth_cli.engine.refiner import Refiner
    from maskdepth_cli.engine.settings import RefineSettings
    from maskdepth_cli.weights.refinement import find_weights, load_refinement

    return Refiner(load_refinement(find_weights(weights)), RefineSettings(**settings))


def weights_id(weights: str | os.PathLike[str] = DEFAULT_WEIGHTS) -> str:
    """SHA-256 of a weights file: part of the key by which finished outputs are recognised."""
    from maskdepth_cli.weights.download import weights_sha256
    from maskdepth_cli.weights.refinement import find_weights

    return weights_sha256(find_weights(weights))
