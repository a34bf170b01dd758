"""Houses to run in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from house import House

from maskdepth_cli.run.jobs import Job


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def photos(house: House) -> Callable[[int], list[Job]]:
    def make(count: int) -> list[Job]:
        for i in range(count):
            house.write(f"{i:03}.txt", f"photo {i}".encode())
        return [house.job(f"{i:03}.txt") for i in range(count)]

    return make
