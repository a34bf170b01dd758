"""Layered depth refinement with mask guidance: the public names, loaded when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskdepth_cli.engine.loading import load_refiner
    from maskdepth_cli.engine.refiner import Refiner
    from maskdepth_cli.engine.result import RefinedDepth
    from maskdepth_cli.side.loading import load_predictor
    from maskdepth_cli.side.predictor import Predictor

    __version__: str

_HOMES = {
    "Refiner": "maskdepth_cli.engine.refiner",
    "RefinedDepth": "maskdepth_cli.engine.result",
    "Predictor": "maskdepth_cli.side.predictor",
    "load_predictor": "maskdepth_cli.side.loading",
    "load_refiner": "maskdepth_cli.engine.loading",
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
        from maskdepth_cli.version import version

        return version()
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
