"""timm, and torchvision where its compiled operators do not fit the torch that is installed."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType
from typing import Any

import torch

from maskdepth_cli.extras import extra


@cache
def import_timm() -> ModuleType:
    """Import timm, which imports torchvision and torch's compiler: 2 s that `lite` does without.

    Returns
    -------
    module
        The ``timm`` package.

    Raises
    ------
    UsageError
        It is not installed.
    """
    mend_torchvision()
    timm: Any = extra("timm", "timm", "this network")
    return timm


@cache
def mend_torchvision() -> None:
    """Import torchvision, if it is installed, so that libraries which use it can.

    Its wheel on PyPI is a CUDA build; beside a CPU-only torch its operators do not load and its
    import fails where it registers their shapes. Neither timm's backbones nor transformers' image
    processors call them, so declaring their signatures is enough.
    """
    try:
        importlib.import_module("torchvision")
    except ImportError:
        return
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        # Kept alive for the process: the operators vanish with their library object.
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        mend_torchvision.library = library  # type: ignore[attr-defined]
        importlib.import_module("torchvision")
