"""From a weights name or file to something that refines: where weights and engine meet."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from maskdepth_cli.engine.predictor import Predictor
    from maskdepth_cli.engine.refiner import Refiner

DEFAULT_WEIGHTS = "tiny"


def load_refiner(weights: str | os.PathLike[str] = DEFAULT_WEIGHTS, **settings: Any) -> Refiner:
    """Load refinement weights.

    Parameters
    ----------
    weights : str or path
        Name of embedded weights (``"tiny"``), a safetensors file of this package, or the paper
        authors' released checkpoint.
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


def load_predictor(
    model: str | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
    model_gives: Literal["inverse", "depth"] | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
    **settings: Any,
) -> Predictor:
    """Load a SIDE network that predicts initial depth from photos.

    Parameters
    ----------
    model : str, optional
        ``"lite"`` (in the package), ``"dpt-large"``, ``"midas-v2.1"`` and others (downloaded once,
        verified), ``"hf:ORG/NAME"`` (transformers), or a checkpoint on disk. Default: told from
        ``weights``, else ``lite``.
    weights : path, optional
        A checkpoint on disk in place of the registered one.
    model_gives : {"inverse", "depth"}, optional
        What a model gives that does not tell.
    report : callable, optional
        Called during a download with the bytes that are here and the bytes there will be.
    **settings
        Fields of `PredictSettings`, such as ``device="cpu"`` or ``tta="flip"``.

    Raises
    ------
    WeightsError
        The weights cannot be had or do not fit.
    UsageError
        The device or the precision cannot be had here.

    Examples
    --------
    >>> import numpy as np
    >>> from maskdepth_cli import load_predictor
    >>> predictor = load_predictor("lite", device="cpu")
    >>> predictor.predict(np.zeros((48, 64, 3), np.float32)).shape
    (48, 64)
    """
    from maskdepth_cli.engine.predictor import Predictor
    from maskdepth_cli.engine.settings import PredictSettings
    from maskdepth_cli.weights.side import find_side_model, load_side_model

    source = find_side_model(model, weights)
    side = load_side_model(source, depth_kind=model_gives, report=report)
    return Predictor(
        side.network,
        side.prepare,
        depth_kind=side.depth_kind,
        settings=PredictSettings(**settings),
    )
