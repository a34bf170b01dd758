"""The version of the package that is installed."""

from __future__ import annotations


def version() -> str:
    """Return the installed version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("maskdepth")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0+unknown"
