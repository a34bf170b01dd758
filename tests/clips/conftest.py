from __future__ import annotations

from pathlib import Path

import pytest
from reel import Reel


@pytest.fixture
def reel(tmp_path: Path, weights: Path) -> Reel:
    return Reel(tmp_path, weights).write()
