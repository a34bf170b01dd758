"""The public names: what a Python user imports, and that it computes what the command does."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import typing

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import maskdepth
import maskdepth_cli
from maskdepth_cli.cli.app import app
from maskdepth_cli.engine.settings import RefineChanges
from maskdepth_cli.side.settings import PredictChanges


@pytest.mark.parametrize("package", [maskdepth, maskdepth_cli])
def test_every_public_name_is_there(package):
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        assert getattr(package, name) == getattr(maskdepth_cli, name)
    with pytest.raises(AttributeError, match="nonsense"):
        package.nonsense  # noqa: B018


@pytest.mark.parametrize("package", ["maskdepth", "maskdepth_cli"])
def test_importing_loads_nothing_heavy(package):
    code = (
        f"import sys; from {package} import RefineSettings, errors; "
        "print({'torch', 'cv2', 'numpy'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        (maskdepth_cli.RefineSettings, RefineChanges),
        (maskdepth_cli.PredictSettings, PredictChanges),
    ],
)
def test_what_an_editor_completes_are_the_fields(settings, changes):
    fields = [field.name for field in dataclasses.fields(settings)]
    assert list(typing.get_type_hints(changes)) == fields


def test_settings_are_taken_whole_or_by_name(weights):
    settings = maskdepth_cli.RefineSettings(working_size=96, layers=False)
    refiner = maskdepth_cli.load_refiner(weights, settings, merge="largest", device="cpu")
    assert refiner.settings == dataclasses.replace(settings, merge="largest", device="cpu")
    with pytest.raises(maskdepth_cli.UsageError, match="did you mean working_size"):
        maskdepth_cli.load_refiner(weights, workingsize=96)
    with pytest.raises(maskdepth_cli.UsageError, match="band or none"):
        maskdepth_cli.load_refiner(weights, keep="nonsense")
    with pytest.raises(maskdepth_cli.UsageError, match="flip"):
        maskdepth_cli.load_predictor("lite", tta="upside down")


def test_every_method_satisfies_the_protocol(weights):
    names = {"refine", "refine_instances"}
    for method in (
        maskdepth_cli.load_refiner(weights),
        maskdepth_cli.GuidedFilter(),
        maskdepth_cli.LayeredPropagation(),
    ):
        assert all(callable(getattr(method, name)) for name in names)


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:120, :170]
    mask = np.hypot(rows - 60, columns - 90) < 30
    depth = cv2.GaussianBlur(1 + 4 * mask + rows / 99, (0, 0), 4).astype(np.float32)
    photo = rng.integers(0, 90, (120, 170, 3)) + 120 * mask[..., None]
    for name in ("photos", "masks", "depths"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "photos/a.png"), photo.astype(np.uint8))
    cv2.imwrite(str(tmp_path / "masks/a.png"), mask.astype(np.uint8) * 255)
    np.save(tmp_path / "depths/a.npy", depth)
    return tmp_path


@pytest.mark.parametrize("layers", [False, True])
def test_the_command_writes_what_the_functions_return(files, weights, layers):
    arguments = ["refine", files / "photos", "--masks", files / "masks", "--depths"]
    arguments += [files / "depths", "--format", "npy", "--weights", weights, "-o", files / "out"]
    arguments += ["--layers"] * layers
    ended = CliRunner().invoke(app, list(map(str, arguments)))
    assert ended.exit_code == 0, ended.output
    refined = maskdepth.load_refiner(weights, layers=layers).refine(
        maskdepth.read_photo(files / "photos/a.png"),
        maskdepth.read_depth(files / "depths/a.npy", "inverse"),
        maskdepth.read_mask(files / "masks/a.png"),
    )
    assert refined.changed.any()
    np.testing.assert_array_equal(np.load(files / "out/a.npy"), refined.depth)
    if layers:
        for name in ("foreground", "background"):
            written = np.load(files / f"out/layers/{name}/a.npy")
            np.testing.assert_array_equal(written, getattr(refined, name))
