"""Which heavy modules the commands import: start-up is mostly theirs."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

COMPILER = {"sympy", "torch._dynamo", "torch._inductor"}
TIMM = {"huggingface_hub", "timm", "torchvision", *COMPILER}
OTHERS = {
    "fsspec",
    "h5py",
    "matplotlib",
    "pandas",
    "ray",
    "scipy",
    "skimage",
    "tensorboard",
    "transformers",
}


def loaded(folder, *arguments):
    """Run a command in a process of its own; return the heavy modules that it imported."""
    code = f"""
import sys
from maskdepth_cli.__main__ import main
sys.argv = ["maskdepth", *{arguments!r}, "--quiet", "--device", "cpu"]
try:
    main()
finally:
    print(*sorted({TIMM | OTHERS | {"torch"}!r} & set(sys.modules)))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


@pytest.fixture
def folder(tmp_path):
    y, x = np.mgrid[:64, :96]
    disc = (np.hypot(y - 32, x - 48) < 20).astype(np.uint8) * 255
    for name in ("photos", "masks", "depths"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "a.png"), disc)
    return tmp_path


def test_predicting_with_lite_imports_neither_timm_nor_the_compiler(folder):
    assert loaded(folder, "predict", "photos", "--model", "lite") == {"torch"}


def test_refining_imports_torch_alone(folder):
    given = loaded(folder, "refine", "photos", "--masks", "masks", "--depths", "depths")
    assert given == {"torch"}
