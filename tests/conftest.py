"""Makes the modules of this folder importable from all tests, and gives them albums to work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from album import Album
from launching import Nursery, Process, save_untrained
from launching import nursery as running_nursery


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("weights") / "untrained.safetensors")


@pytest.fixture
def album(tmp_path: Path, weights: Path) -> Album:
    return Album(tmp_path, weights)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with running_nursery() as running:
        yield running


@pytest.fixture
def launch(nursery: Nursery, tmp_path: Path) -> Callable[..., Process]:
    """Start the command; the process runs on while the test does."""

    def start(*arguments: str, largest_file: int = -1) -> Process:
        return nursery.launch([*arguments], tmp_path / "log", largest_file=largest_file)

    return start
