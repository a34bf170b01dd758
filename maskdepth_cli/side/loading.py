"""From the name or the file of a SIDE network to a predictor: where weights and networks meet."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from maskdepth_cli.choices import DepthKind

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from maskdepth_cli.side.predictor import Predictor
    from maskdepth_cli.side.settings import PredictChanges, PredictSettings


def load_predictor(
    model: str | None = None,
    settings: PredictSettings | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
    model_gives: DepthKind | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
    **changes: Unpack[PredictChanges],
) -> Predictor:
    """Load a SIDE network that predicts initial depth from photos.

    Parameters
    ----------
    model : str, optional
        ``"lite"`` (in the package), ``"dpt-large"``, ``"midas-v2.1"`` and others (downloaded once,
        verified), ``"hf:ORG/NAME"`` (transformers), or a checkpoint on disk. Default: told from
        ``weights``, else ``lite``.
    settings : PredictSettings, optional
        How it works; the defaults where it is left out.
    weights : path, optional
        A checkpoint on disk in place of the registered one.
    model_gives : {"inverse", "depth"}, optional
        What a model gives that does not tell.
    report : callable, optional
        Called during a download with the bytes that are here and the bytes there will be.
    **changes
        Fields of `PredictSettings` that differ from ``settings``, such as ``device="cpu"`` or
        ``tta="flip"``.

    Raises
    ------
    WeightsError
        The weights cannot be had or do not fit.
    UsageError
        A setting is unknown or out of its range, or the device or the precision cannot be had
        here.

    Examples
    --------
    >>> import numpy as np
    >>> from maskdepth_cli import load_predictor
    >>> predictor = load_predictor("lite", device="cpu")
    >>> predictor.predict(np.zeros((48, 64, 3), np.float32)).shape
    (48, 64)
    """
    from maskdepth_cli.settings import changed
    from maskdepth_cli.side.models import find_side_model, load_side_model
    from maskdepth_cli.side.predictor import Predictor
    from maskdepth_cli.side.settings import PredictSettings

    source = find_side_model(model, weights)
    side = load_side_model(source, depth_kind=model_gives, report=report)
    return Predictor(
        side.network,
        side.prepare,
        depth_kind=side.depth_kind,
        settings=changed(settings or PredictSettings(), changes),
    )
