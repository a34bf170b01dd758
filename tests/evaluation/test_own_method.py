"""A class in a file of the user's own is a method like the others."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.errors import UsageError
from maskdepth_cli.evaluation.methods import make_method

IMAGE = np.zeros((8, 12, 3), np.float32)
DEPTH = np.arange(96, dtype=np.float32).reshape(8, 12)
IDS = np.zeros((8, 12), np.int32)
IDS[:4, :6], IDS[4:, 6:] = 1, 2

LIFT = """
from dataclasses import dataclass
from beside import STEP

@dataclass(frozen=True)
class Lift:
    by: float = STEP

    def refine(self, image, depth, mask):
        return depth + self.by * mask

class Whole:
    def refine(self, image, depth, mask):
        raise AssertionError
    def refine_instances(self, image, depth, instances):
        return len(list(instances))

class Idle:
    pass

class Broken:
    def __init__(self):
        raise KeyError("size")
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "beside.py").write_text("STEP = 2")
    (tmp_path / "lift.py").write_text(LIFT)
    return tmp_path / "lift.py"


def test_it_is_called_for_each_instance_and_merged(file):
    method = make_method(f"{file}:Lift", {})
    assert method.label == "lift.Lift"
    refined = method.load().refine_instances(IMAGE, DEPTH, IDS)
    assert isinstance(refined, RefinedDepth)
    np.testing.assert_array_equal(refined.depth, DEPTH + 2 * (IDS > 0))
    np.testing.assert_array_equal(refined.changed, IDS > 0)


def test_options_reach_the_class_and_its_own_merging_is_used(file):
    method = make_method(f"{file}:Lift:by=0.5", {})
    assert method.label == "lift.Lift (by 0.5)"
    assert method.load().refine(IMAGE, DEPTH, IDS > 0).depth[0, 0] == 0.5
    masks = [IDS == 1, IDS == 2]
    assert make_method(f"{file}:Whole", {}).load().refine_instances(IMAGE, DEPTH, masks) == 2


def test_other_code_decides_anew(file):
    before = make_method(f"{file}:Lift", {}).decisive
    assert make_method(f"{file}:Lift", {}).decisive == before
    assert make_method(f"{file}:Lift:by=3", {}).decisive != before
    file.write_text(LIFT + "\n")
    assert make_method(f"{file}:Lift", {}).decisive != before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Missing", "Missing"),
        ("Idle", "no method refine"),
        ("Broken", "KeyError: 'size'"),
        ("Lift:by", "OPTION=VALUE"),
        ("Lift:size=3", "size"),
    ],
)
def test_what_is_wrong_is_one_line(file, name, words):
    with pytest.raises(UsageError, match=words) as raised:
        make_method(f"{file}:{name}", {}).load()
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.py"):
        make_method(f"{tmp_path}/gone.py:Lift", {})


def test_the_documented_one_runs(tmp_path):
    page = (Path(__file__).parents[2] / "docs/evaluation.md").read_text("utf-8")
    code = re.search(r"```python\n(# smooth\.py.*?)```", page, re.DOTALL)[1]
    (tmp_path / "smooth.py").write_text(code)
    method = make_method(f"{tmp_path}/smooth.py:Smooth:size=3", {}).load()
    mask = (IDS == 1).astype(np.float32)
    refined = method.refine(IMAGE, np.where(IDS == 1, 5, 1).astype(np.float32), mask)
    np.testing.assert_allclose(refined.depth, np.where(IDS == 1, 5, 1), atol=1e-5)
