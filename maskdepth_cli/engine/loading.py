"""From a weights name or file to a refiner: where weights and engine meet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from maskdepth_cli.engine.refiner import Refiner
    from maskdepth_cli.engine.settings import RefineChanges, RefineSettings
    from maskdepth_cli.engine.temporal import TemporalRefiner

DEFAULT_WEIGHTS = "trust"


@overload
def load_refiner(
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    settings: RefineSettings | None = None,
    *,
    temporal: Literal[True],
    **changes: Unpack[RefineChanges],
) -> TemporalRefiner: ...


@overload
def load_refiner(
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    settings: RefineSettings | None = None,
    *,
    temporal: bool = False,
    **changes: Unpack[RefineChanges],
) -> Refiner: ...


def load_refiner(
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    settings: RefineSettings | None = None,
    *,
    temporal: bool = False,
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
    temporal : bool
        A `TemporalRefiner`, which takes the frames of a clip in their order.
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
    network = load_refinement(find_weights(weights))
    if temporal:
        from maskdepth_cli.engine.temporal import TemporalRefiner

        return TemporalRefiner(network, chosen)
    return Refiner(network, chosen)


def weights_id(weights: str | os.PathLike[str] = DEFAULT_WEIGHTS) -> str:
    """SHA-256 of a weights file: part of the key by which finished outputs are recognised."""
    from maskdepth_cli.weights.cache import weights_sha256
    from maskdepth_cli.weights.refinement import find_weights

    return weights_sha256(find_weights(weights))
