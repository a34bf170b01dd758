"""What a plain installation lacks is named in one line, with the command that brings it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from maskdepth_cli.datasets.derived_masks import masks_from_depth
from maskdepth_cli.errors import UsageError
from maskdepth_cli.extras import extra
from maskdepth_cli.methods.fills import fill_nearest
from maskdepth_cli.metrics.canny import canny
from maskdepth_cli.networks.timm_import import import_timm
from maskdepth_cli.side.midas import midas_v21_small
from maskdepth_cli.viewing.charts import Chart, draw_charts

ROOT = Path(__file__).parents[1]
DEPTH = np.ones((4, 4), np.float32)
KNOWN = np.eye(4, dtype=bool)

USES = {
    "scipy": (
        lambda: fill_nearest(DEPTH, KNOWN),
        lambda: canny(DEPTH, 1.0, 0.1, 0.2),
        lambda: masks_from_depth(DEPTH),
    ),
    "matplotlib": (lambda: draw_charts("", [Chart("", ["0"], {"a": [1.0]})]),),
    "timm": (midas_v21_small,),
}


@pytest.mark.parametrize("library", USES)
def test_a_missing_library_is_one_line_with_its_extra(library, monkeypatch):
    for name in [*sys.modules, library, "matplotlib.figure"]:
        if name.partition(".")[0] == library:
            monkeypatch.setitem(sys.modules, name, None)
    import_timm.cache_clear()
    for use in USES[library]:
        with pytest.raises(UsageError, match=rf"{library}.*pip install 'maskdepth\[\w+\]'"):
            use()


def test_every_extra_that_a_message_names_is_there():
    declared = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    source = "".join(path.read_text() for path in (ROOT / "maskdepth_cli").rglob("*.py"))
    named = set(re.findall(r"maskdepth\[(\w+)\]", source))
    named |= set(re.findall(r"extra\(\"[\w.]+\", \"(\w+)\"", source))
    assert {"evaluate", "timm", "train", "ray"} <= named <= declared


def test_a_module_that_is_there_is_returned():
    assert extra("json", "any", "this").loads("1") == 1
