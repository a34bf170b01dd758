"""Layered depth refinement with mask guidance: the public names, loaded when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskdepth_cli.engine.loading import load_refiner as load_refiner
    from maskdepth_cli.engine.refiner import Refiner as Refiner
    from maskdepth_cli.engine.result import RefinedDepth as RefinedDepth
    from maskdepth_cli.engine.result import RefinementMethod as RefinementMethod
    from maskdepth_cli.engine.settings import RefineSettings as RefineSettings
    from maskdepth_cli.errors import ArrayError as ArrayError
    from maskdepth_cli.errors import InputFileError as InputFileError
    from maskdepth_cli.errors import MaskdepthError as MaskdepthError
    from maskdepth_cli.errors import OutputError as OutputError
    from maskdepth_cli.errors import UsageError as UsageError
    from maskdepth_cli.errors import WeightsError as WeightsError
    from maskdepth_cli.files.depth_writing import write_depth as write_depth
    from maskdepth_cli.files.depths import DepthMap as DepthMap
    from maskdepth_cli.files.depths import read_depth as read_depth
    from maskdepth_cli.files.depths import read_depth_map as read_depth_map
    from maskdepth_cli.files.images import read_photo as read_photo
    from maskdepth_cli.files.masks import read_instance_map as read_instances
    from maskdepth_cli.files.masks import read_mask as read_mask
    from maskdepth_cli.methods.baselines import BilateralMedian as BilateralMedian
    from maskdepth_cli.methods.baselines import GuidedFilter as GuidedFilter
    from maskdepth_cli.methods.baselines import LayeredPropagation as LayeredPropagation
    from maskdepth_cli.methods.baselines import WeightedMedian as WeightedMedian
    from maskdepth_cli.side.loading import load_predictor as load_predictor
    from maskdepth_cli.side.predictor import Predictor as Predictor
    from maskdepth_cli.side.settings import PredictSettings as PredictSettings

    __version__: str

_HOMES = {
    "ArrayError": "errors",
    "BilateralMedian": "methods.baselines",
    "DepthMap": "files.depths",
    "GuidedFilter": "methods.baselines",
    "InputFileError": "errors",
    "LayeredPropagation": "methods.baselines",
    "MaskdepthError": "errors",
    "OutputError": "errors",
    "PredictSettings": "side.settings",
    "Predictor": "side.predictor",
    "RefineSettings": "engine.settings",
    "RefinedDepth": "engine.result",
    "RefinementMethod": "engine.result",
    "Refiner": "engine.refiner",
    "UsageError": "errors",
    "WeightedMedian": "methods.baselines",
    "WeightsError": "errors",
    "load_predictor": "side.loading",
    "load_refiner": "engine.loading",
    "read_depth": "files.depths",
    "read_depth_map": "files.depths",
    "read_instance_map": "files.masks",
    "read_mask": "files.masks",
    "read_photo": "files.images",
    "write_depth": "files.depth_writing",
}
_OWN_NAMES = {"read_instances": "read_instance_map"}

__all__ = [
    "ArrayError",
    "BilateralMedian",
    "DepthMap",
    "GuidedFilter",
    "InputFileError",
    "LayeredPropagation",
    "MaskdepthError",
    "OutputError",
    "PredictSettings",
    "Predictor",
    "RefineSettings",
    "RefinedDepth",
    "RefinementMethod",
    "Refiner",
    "UsageError",
    "WeightedMedian",
    "WeightsError",
    "__version__",
    "errors",
    "load_predictor",
    "load_refiner",
    "read_depth",
    "read_depth_map",
    "read_instances",
    "read_mask",
    "read_photo",
    "write_depth",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: torch is not loaded before it is needed."""
    if name == "__version__":
        from maskdepth_cli.version import version

        return version()
    if name == "errors":
        return import_module("maskdepth_cli.errors")
    own = _OWN_NAMES.get(name, name)
    if own in _HOMES:
        return getattr(import_module(f"maskdepth_cli.{_HOMES[own]}"), own)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
