from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from typing import get_args

import pytest

from maskdepth_cli.choices import MAX_MEGAPIXELS, MIN_INSTANCE_SHARE, DepthFormat, Device, Precision
from maskdepth_cli.engine.runtime import DEVICES, PRECISIONS
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.files.depth_formats import DEPTH_FORMATS

HEAVY = {"torch", "timm", "cv2", "scipy", "numpy", "PIL", "rich", "tqdm", "tifffile"}


def test_choices_are_those_of_the_rooms_that_carry_them_out():
    assert list(get_args(DepthFormat)) == list(DEPTH_FORMATS)
    assert list(get_args(Device)) == list(DEVICES)
    assert set(get_args(Precision)) == {"auto", *PRECISIONS}


def test_help_tells_the_defaults_of_the_settings(maskdepth):
    text = " ".join(maskdepth("refine", "--help").out.split())
    defaults = {field.name: field.default for field in fields(RefineSettings)}
    assert defaults["min_instance_share"] is None  # of maps 0.01, of mask files any
    defaults["min_instance_share"] = MIN_INSTANCE_SHARE
    for option in ("working_size", "min_instance_share", "batch_size"):
        told = re.search(rf"--{option.replace('_', '-')} .*?\[default: ([\d.]+)[;\]]", text)
        assert told
        assert float(told.group(1)) == defaults[option]
    assert defaults["keep"] == "band"
    assert f"[default: {MAX_MEGAPIXELS:g};" in text


@pytest.mark.parametrize("arguments", ["--help", "--version", "refine --help", "nonsense"])
def test_help_and_mistakes_load_nothing_heavy(arguments):
    code = f"""
import sys
from maskdepth_cli.__main__ import main
sys.argv = ["maskdepth", *{arguments.split()!r}]
try:
    main()
finally:
    print("loaded:", *sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == (2 if arguments == "nonsense" else 0)
    assert ended.stderr.splitlines()[-1] == "loaded:"


def test_the_public_names_load_when_they_are_used():
    code = """
import sys
import maskdepth_cli
assert "numpy" not in sys.modules
assert {"Refiner", "RefinedDepth", "load_refiner", "load_predictor", "__version__"} <= set(
    dir(maskdepth_cli)
)
from maskdepth_cli import RefinedDepth, load_refiner
assert "torch" not in sys.modules
assert RefinedDepth.__module__.startswith("maskdepth_cli")
try:
    maskdepth_cli.nonsense
except AttributeError:
    pass
else:
    raise SystemExit(1)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
