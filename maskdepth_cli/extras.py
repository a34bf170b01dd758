"""Libraries that a plain installation does without: imported where they are used, or named."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from maskdepth_cli.errors import UsageError


def extra(module: str, name: str, purpose: str) -> Any:
    """Import a library of an extra.

    Parameters
    ----------
    module
        What to import, such as ``"scipy.ndimage"``.
    name
        The extra that brings it.
    purpose
        What needs it, to begin the message with.

    Returns
    -------
    module

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise UsageError(
            f"{purpose} needs {library}, which is not installed: pip install 'maskdepth[{name}]'"
        ) from error
