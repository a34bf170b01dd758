"""Layered depth refinement with mask guidance: the public names, loaded when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskdepth_cli.engine.predictor import Predictor
    from maskdepth_cli.engine.refiner import Refiner
    from maskdepth_cli.engine.result import RefinedDepth
    from maskdepth_cli.loading import load_predictor, load_refiner

    __version__: str

_HOMES = {
    "Refiner": "maskdepth_cli.engine.refiner",
    "RefinedDepth": "maskdepth_cli.engine.result",
    "Predictor": "maskdepth_cli.engine.predictor",
    "load_predictor": "maskdepth_cli.loading",
    "load_refiner": "maskdepth_cli.loading",
}

__all__ = [
    "Predictor",
    "RefinedDepth",
    "Refiner",
    "__version__",
    "load_predictor",
    "load_refiner",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: torch is not loaded before it is needed."""
    if name == "__version__":
        return _version()
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("maskdepth")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
