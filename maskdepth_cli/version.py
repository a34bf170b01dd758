"""The version of this package, declared here alone: the build reads it, too."""

from __future__ import annotations

VERSION = "0.1.0"


def version() -> str:
    """Return the version."""
    return VERSION
