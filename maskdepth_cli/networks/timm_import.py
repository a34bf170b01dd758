"""timm, also where torchvision's compiled operators do not fit the torch that is installed."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType

import torch


@cache
def import_timm() -> ModuleType:
    """Import timm, which imports torchvision.

    torchvision's wheel on PyPI is a CUDA build; beside a CPU-only torch its operators do not load
    and its import fails where it registers their shapes. Neither timm's backbones nor we call
    them, so declaring their signatures is enough.

    Returns
    -------
    module
        The ``timm`` package.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        # Kept alive for the process: the operators vanish with their library object.
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import_timm.library = library  # type: ignore[attr-defined]
        importlib.import_module("torchvision")
    return importlib.import_module("timm")
