"""Fixtures of the tests that read and write files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def smooth(rng: np.random.Generator) -> np.ndarray:
    """A photo-like picture, (37, 53, 3) uint8, all channels different."""
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((53, 37), Image.Resampling.BICUBIC))
