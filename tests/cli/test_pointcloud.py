from __future__ import annotations

import cv2
import numpy as np
import pytest
from plyfile import PlyData

from maskdepth_cli.errors import ExitCode


@pytest.fixture
def scene(tmp_path):
    random = np.random.default_rng(0)
    photo = random.integers(0, 255, (30, 40, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), photo[..., ::-1])
    distance = random.uniform(2, 6, (30, 40)).astype(np.float32)
    np.save(tmp_path / "metric.npy", distance)
    np.save(tmp_path / "inverse.npy", 7 + 3 / distance)
    return tmp_path, photo, distance


def read(path):
    ply = PlyData.read(path)
    assert (ply.text, ply.byte_order) == (False, "<")
    vertex = ply["vertex"]
    positions = np.stack([vertex[name] for name in "xyz"], axis=1)
    return positions, np.stack([vertex[name] for name in ("red", "green", "blue")], axis=1)


def test_metric_depth_goes_back_through_the_camera(scene, maskdepth):
    folder, photo, distance = scene
    arguments = [str(folder / "photo.png"), str(folder / "metric.npy"), "--depth-kind", "depth"]
    ended = maskdepth("pointcloud", *arguments, "--focal", "50")
    assert ended.code == ExitCode.OK
    assert "1200 points" in ended.err
    (x, y, z), colors = read(folder / "metric.ply")[0].T, read(folder / "metric.ply")[1]
    np.testing.assert_allclose(-z, distance.ravel(), rtol=1e-5)
    columns, rows = np.meshgrid(np.arange(40), np.arange(30))
    np.testing.assert_allclose(20 - 50 * x / z, columns.ravel() + 0.5, rtol=1e-4)
    np.testing.assert_allclose(15 + 50 * y / z, rows.ravel() + 0.5, rtol=1e-4)
    np.testing.assert_array_equal(colors, photo.reshape(-1, 3))


def test_relative_depth_gets_its_scale_from_near_and_far(scene, maskdepth):
    folder, _, distance = scene
    arguments = [str(folder / "photo.png"), str(folder / "inverse.npy")]
    target = folder / "new" / "points.ply"
    ends = ["--near", str(distance.min()), "--far", str(distance.max())]
    ended = maskdepth("pointcloud", *arguments, *ends, "-o", str(target))
    assert ended.code == ExitCode.OK
    # With the true distances at both ends, the unknown scale and offset are gone.
    np.testing.assert_allclose(-read(target)[0][:, 2], distance.ravel(), rtol=1e-4)
    mask = np.zeros((30, 40), np.uint8)
    mask[:10] = 255
    cv2.imwrite(str(folder / "mask.png"), mask)
    maskdepth("pointcloud", *arguments, "--mask", str(folder / "mask.png"), "-o", str(target))
    assert len(read(target)[0]) == 400


def test_layers_share_the_range_of_the_whole(scene, maskdepth):
    folder, _, _ = scene
    np.save(folder / "layer.npy", np.full((30, 40), 8, np.float32))
    arguments = [str(folder / "photo.png"), str(folder / "layer.npy"), "--near", "1", "--far", "2"]
    maskdepth("pointcloud", *arguments, "--range-of", str(folder / "inverse.npy"))
    inverse = np.load(folder / "inverse.npy")
    share = (8 - inverse.min()) / (inverse.max() - inverse.min())
    expected = 1 / (0.5 + share * 0.5)
    np.testing.assert_allclose(-read(folder / "layer.ply")[0][:, 2], expected, rtol=1e-5)


def test_what_lies_behind_comes_with_colours_of_its_own(scene, maskdepth):
    folder, _, _ = scene
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 10:30] = 255
    photo = np.where(mask[..., None] > 0, (200, 10, 10), (20, 90, 40)).astype(np.uint8)
    cv2.imwrite(str(folder / "photo.png"), photo[..., ::-1])
    cv2.imwrite(str(folder / "mask.png"), mask)
    background = np.full((30, 40), 1, np.float32)
    background[:, 20:] = 6  # nearer than the object: it would hide it
    np.save(folder / "fg.npy", np.full((30, 40), 5, np.float32))
    np.save(folder / "bg.npy", background)
    arguments = [str(folder / "photo.png"), str(folder / "fg.npy"), "--near", "1", "--far", "6"]
    arguments += ["--mask", str(folder / "mask.png"), "--behind", str(folder / "bg.npy")]
    assert maskdepth("pointcloud", *arguments).code == ExitCode.OK
    positions, colors = read(folder / "fg.ply")
    assert len(positions) == 200 + 1200
    assert (colors[:200] == (200, 10, 10)).all()
    assert (colors[200:] == (20, 90, 40)).all()
    distance = -positions[:, 2]
    at = {value: 1 / (1 / 6 + (value - 1) / 5 * (1 - 1 / 6)) for value in (1, 4.95, 5, 6)}
    np.testing.assert_allclose(distance[:200], at[5], rtol=1e-5)
    behind = distance[200:].reshape(30, 40)
    np.testing.assert_allclose(behind[:, :20], at[1], rtol=1e-5)
    np.testing.assert_allclose(behind[10:20, 20:30], at[4.95], rtol=1e-5)  # 1% of the range
    np.testing.assert_allclose(behind[:10, 20:], at[6], rtol=1e-5)


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--near", "5", "--far", "2"], ExitCode.USAGE, "--near"),
        (["--depth-kind", "depth", "--near", "5"], ExitCode.USAGE, "inverse"),
        (["--behind", "inverse.npy"], ExitCode.USAGE, "--mask"),
        (["--mask", "black.png"], ExitCode.SOME_FAILED, "no point"),
        (["--mask", "missing.png"], ExitCode.SOME_FAILED, "missing.png"),
    ],
)
def test_mistakes_are_told_in_a_line(scene, maskdepth, monkeypatch, more, code, words):
    folder, _, _ = scene
    monkeypatch.chdir(folder)
    cv2.imwrite("black.png", np.zeros((30, 40), np.uint8))
    ended = maskdepth("pointcloud", "photo.png", "inverse.npy", *more)
    assert ended.code == code
    assert words in ended.err
    assert not (folder / "inverse.ply").exists()


def test_folders_are_a_run_that_goes_on_where_it_stopped(scene, maskdepth):
    folder, photo, distance = scene
    for name in ("a", "b/c"):
        for place in ("photos", "depths", "masks"):
            (folder / place / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"photos/{name}.png"), photo[..., ::-1])
        np.save(folder / f"depths/{name}.npy", distance)
        mask = np.zeros((30, 40), np.uint8)
        mask[:10] = 255
        cv2.imwrite(str(folder / f"masks/{name}.png"), mask)
    cv2.imwrite(str(folder / "photos/alone.png"), photo)
    arguments = ["pointcloud", str(folder / "photos"), str(folder / "depths"), "--json"]
    arguments += ["--mask", str(folder / "masks"), "--depth-kind", "depth", "--focal", "50"]
    arguments += ["-o", str(folder / "out")]
    ended = maskdepth(*arguments)
    assert ended.code == ExitCode.SOME_FAILED
    statuses = {name: row["status"] for name, row in ended.rows.items()}
    assert statuses == {"a.png": "done", "b/c.png": "done", "alone.png": "failed"}
    single = str(folder / "one.ply")
    depth = str(folder / "metric.npy")
    one = ["pointcloud", str(folder / "photo.png"), depth, "--depth-kind", "depth", "-o", single]
    one += ["--focal", "50", "--mask", str(folder / "masks/a.png")]
    assert maskdepth(*one).code == ExitCode.OK
    for name in ("a", "b/c"):
        assert (folder / f"out/{name}.ply").read_bytes() == (folder / "one.ply").read_bytes()
    again = {name: row["status"] for name, row in maskdepth(*arguments).rows.items()}
    assert again == {"a.png": "skipped", "b/c.png": "skipped", "alone.png": "failed"}
    far = {name: row["status"] for name, row in maskdepth(*arguments, "--cull", "0.5").rows.items()}
    assert far["a.png"] == "done"
    shares = [maskdepth(*arguments, "--overwrite", "--shard", f"{i}/2").rows for i in (1, 2)]
    assert sorted([*shares[0], *shares[1]]) == ["a.png", "alone.png", "b/c.png"]


def test_one_file_is_no_run(scene, maskdepth):
    folder, _, _ = scene
    one = ["pointcloud", str(folder / "photo.png"), str(folder / "inverse.npy")]
    ended = maskdepth(*one, "--dry-run")
    assert ended.code == ExitCode.USAGE
    assert "--dry-run" in ended.err
    ended = maskdepth("pointcloud", str(folder), str(folder), "-o", str(folder / "x.ply"))
    assert ended.code == ExitCode.USAGE
    assert not list(folder.glob("*.ply"))
