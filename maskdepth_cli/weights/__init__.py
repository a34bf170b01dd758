"""Weights: registry, download, verification, and the files embedded in the package."""
