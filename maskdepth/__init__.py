"""The package `maskdepth_cli` under its short name: the same public names, loaded when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import maskdepth_cli

if TYPE_CHECKING:
    from maskdepth_cli import *  # noqa: F403

__all__ = maskdepth_cli.__all__


def __getattr__(name: str) -> Any:
    """Hand a public name on."""
    if name in __all__:
        return getattr(maskdepth_cli, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
