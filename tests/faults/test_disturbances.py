"""Every disturbance a few times; `make faults` does it often."""

from __future__ import annotations

import pytest
from faults.disturbances import CASES, Site
from launching import nursery as running_nursery

PHOTOS, TIMES = 14, 3


@pytest.fixture(scope="module")
def site(tmp_path_factory, weights):
    with running_nursery() as nursery:
        yield Site(tmp_path_factory.mktemp("site"), nursery, weights, PHOTOS)


@pytest.mark.parametrize("title", CASES)
def test_nothing_is_lost_and_nothing_is_half(title, site):
    times = 1 if "loaded" in title else TIMES
    assert CASES[title](site, times)
