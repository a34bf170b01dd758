"""`maskdepth predict` and `refine` without depth maps, on a small untrained network."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from album import SIZE, Album

from maskdepth_cli.errors import ExitCode
from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.side.loading import load_predictor

Maskdepth = Callable[..., Any]


@pytest.fixture(scope="session")
def side_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from maskdepth_cli.side.lite import LiteConfig, LiteNetwork
    from maskdepth_cli.weights.tensors import save_tensors

    torch.manual_seed(0)
    config = LiteConfig(decoder_channels=8, head_channels=4)
    path = tmp_path_factory.mktemp("side") / "own.safetensors"
    state = LiteNetwork(config).state_dict()
    save_tensors(path, state, {"network": "lite", **asdict(config)}, half=True)
    return path


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKDEPTH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MASKDEPTH_OFFLINE", "1")


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    rows = map(json.loads, (folder / "manifest.jsonl").read_text().splitlines())
    return {row["name"]: row for row in rows}


def test_predict_writes_depth_at_the_photos_size_and_resumes(
    album: Album, maskdepth: Maskdepth, side_weights: Path
) -> None:
    album.add("a.jpg")
    album.add("x/b.png", size=(30, 70))
    arguments = ["predict", str(album.root / "photos"), "-o", str(album.out), "--device", "cpu"]
    arguments += ["--weights", str(side_weights), "--format", "npy", "--preview"]
    ended = maskdepth(*arguments)
    assert ended.code == ExitCode.OK
    assert f"initial depth: lite from {side_weights}" in ended.err
    assert sorted(album.files()) == ["a.npy", "previews/a.png", "previews/x/b.png", "x/b.npy"]
    predictor = load_predictor(weights=side_weights, device="cpu")
    for name, photo in (("a", "a.jpg"), ("x/b", "x/b.png")):
        expected = predictor.predict(read_image(album.root / "photos" / photo))
        found = read_depth(album.out / f"{name}.npy", "inverse")
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert manifest(album.out)["a.jpg"]["details"]["model"] == "lite"
    before = album.files()
    ended = maskdepth(*arguments, "--json")
    assert {row["status"] for row in ended.rows.values()} == {"skipped"}
    assert album.files() == before
    ended = maskdepth(*arguments, "--json", "--tta", "flip")  # another setting, another result
    assert {row["status"] for row in ended.rows.values()} == {"done"}
    assert album.files() != before


def test_a_bad_photo_fails_alone(album: Album, maskdepth: Maskdepth, side_weights: Path) -> None:
    album.add("a.jpg")
    album.path("photos", "b.jpg").write_bytes(b"no picture")
    album.add("c.jpg")
    ended = maskdepth(
        "predict", str(album.root / "photos"), "-o", str(album.out), "--model", str(side_weights)
    )
    assert ended.code == ExitCode.SOME_FAILED
    assert sorted(album.files()) == ["a.tiff", "c.tiff"]
    assert "failed: b.jpg" in ended.err


def test_refine_predicts_where_no_depth_is_given(
    album: Album, maskdepth: Maskdepth, side_weights: Path
) -> None:
    album.add("a.jpg")
    arguments = ["refine", str(album.root / "photos"), "--masks", str(album.root / "masks")]
    arguments += ["-o", str(album.out), "--weights", str(album.weights), "--format", "npy"]
    arguments += ["--device", "cpu", "--model", str(side_weights)]
    ended = maskdepth(*arguments)
    assert ended.code == ExitCode.OK
    assert "initial depth: lite" in ended.err
    # The same in two steps.
    depths = str(album.root / "predicted")
    photos = str(album.root / "photos")
    maskdepth("predict", photos, "-o", depths, "--model", str(side_weights), "--format", "npy")
    at = arguments.index("--model")
    two_steps = [*arguments[:at], "--depths", depths, "-o", str(album.root / "two")]
    assert maskdepth(*two_steps).code == ExitCode.OK
    found = np.load(album.out / "a.npy")
    assert found.shape == SIZE
    np.testing.assert_allclose(found, np.load(album.root / "two/a.npy"), rtol=1e-4, atol=1e-5)
    assert maskdepth(*arguments, "--json").rows["a.jpg"]["status"] == "skipped"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--depths", "depths", "--model", "lite"], "drop one"),
        (["--depth-kind", "depth"], "--depth-kind"),
    ],
)
def test_contradictions_are_usage_errors(
    album: Album, maskdepth: Maskdepth, more: list[str], says: str
) -> None:
    album.add("a.jpg")
    more = [str(album.root / one) if one == "depths" else one for one in more]
    ended = maskdepth(
        "refine", str(album.root / "photos"), "--masks", str(album.root / "masks"), *more,
        "-o", str(album.out), "--weights", str(album.weights),
    )  # fmt: skip
    assert ended.code == ExitCode.USAGE
    assert says in ended.err


def test_offline_without_the_file_is_a_weights_error(album: Album, maskdepth: Maskdepth) -> None:
    album.add("a.jpg")
    ended = maskdepth(
        "predict", str(album.root / "photos"), "-o", str(album.out), "--model", "dpt-large"
    )
    assert ended.code == ExitCode.WEIGHTS
    assert "MASKDEPTH_OFFLINE" in ended.err
    assert album.files() == {}


def test_models_are_listed_and_found(maskdepth: Maskdepth, tmp_path: Path) -> None:
    ended = maskdepth("models", "list")
    assert ended.code == ExitCode.OK
    for name in (
        "lite",
        "trust",
        "dpt-large",
        "midas-v2.1",
        "maskdepth[hf]",
        str(tmp_path / "home"),
    ):
        assert name in ended.out
    ended = maskdepth("models", "path", "midas-v2.1")
    assert ended.out.strip() == str(tmp_path / "home" / "midas_v21_384.pt")
    ended = maskdepth("models", "pull", "midas-v2.1")
    assert ended.code == ExitCode.WEIGHTS
    ended = maskdepth("models", "path", "nothing")
    assert ended.code == ExitCode.WEIGHTS
    assert "dpt-large" in ended.err


def test_models_verify_a_file(maskdepth: Maskdepth, tmp_path: Path) -> None:
    (tmp_path / "own.pt").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of no bytes
    own = str(tmp_path / "own.pt")
    assert maskdepth("models", "verify", own, "--sha256", empty).code == ExitCode.OK
    assert maskdepth("models", "verify", own, "--sha256", "0" * 64).code == ExitCode.WEIGHTS
