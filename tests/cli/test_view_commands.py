"""`stereo`, `parallax` and `mesh` from what `refine --layers` wrote."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image

from maskdepth_cli.errors import ExitCode
from maskdepth_cli.viewing import meshes, videos


@pytest.fixture
def run(album, maskdepth):
    album.add("a.jpg")
    assert maskdepth(*album.arguments("--layers", "--format", "npy")).code == ExitCode.OK
    return album


@pytest.mark.parametrize(
    ("layout", "sizes"),
    [
        ("side-by-side", {"a.png": (40, 96)}),
        ("over-under", {"a.png": (80, 48)}),
        ("anaglyph", {"a.png": (40, 48)}),
        ("pair", {"a-left.png": (40, 48), "a-right.png": (40, 48)}),
    ],
)
def test_stereo_layouts(run, maskdepth, layout, sizes):
    out = run.root / "stereo"
    arguments = ["stereo", str(run.out), "-o", str(out), "--layout", layout, "--json"]
    ended = maskdepth(*arguments)
    assert ended.code == ExitCode.OK
    assert 0 <= ended.rows["a.jpg"]["details"]["convergence"] <= 1
    found = {path.name: cv2.imread(str(path)).shape[:2] for path in out.glob("*.png")}
    assert found == sizes
    assert {row["status"] for row in maskdepth(*arguments).rows.values()} == {"skipped"}
    changed = maskdepth(*arguments, "--strength", "0.05")
    assert {row["status"] for row in changed.rows.values()} == {"done"}


@pytest.mark.parametrize(("format", "codec"), [("mp4", "h264"), ("webm", "vp9")])
def test_a_video_has_its_frames(run, maskdepth, format, codec):
    out = run.root / "moving"
    ended = maskdepth(
        "parallax", str(run.out), "-o", str(out), "--format", format, "--seconds", "0.5",
        "--fps", "20", "--strength", "0.1",
    )  # fmt: skip
    assert ended.code == ExitCode.OK
    with av.open(str(out / f"a.{format}")) as file:
        assert file.streams.video[0].codec_context.name == codec
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == 10
    assert frames[0].shape == (40, 48, 3)
    assert np.abs(frames[0].astype(int) - frames[5]).mean() > 1
    assert len(videos.read_frames(out / f"a.{format}")) == 10


def test_a_gif_loops_without_the_package(run, maskdepth, monkeypatch):
    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    out = run.root / "moving"
    arguments = ["parallax", str(run.out), "-o", str(out), "--seconds", "0.4", "--fps", "10"]
    ended = maskdepth(*arguments)
    assert ended.code == ExitCode.USAGE
    assert "maskdepth[video]" in ended.err
    assert maskdepth(*arguments, "--format", "gif", "--path", "zoom").code == ExitCode.OK
    with Image.open(out / "a.gif") as file:
        assert (file.n_frames, file.info["loop"]) == (4, 0)


def test_a_mesh_has_both_layers_at_their_distances(run, maskdepth, monkeypatch):
    out = run.root / "meshes"
    arguments = ["mesh", str(run.out), "-o", str(out), "--near", "2", "--far", "8"]
    assert maskdepth(*arguments).code == ExitCode.OK
    scene = trimesh.load_scene(out / "a.glb")
    assert sorted(scene.geometry) == ["background", "foreground"]
    front, back = (scene.geometry[name] for name in ("foreground", "background"))
    for mesh in (front, back):
        assert -8.01 < mesh.vertices[:, 2].min() <= mesh.vertices[:, 2].max() < -1.99
        x, y, z = mesh.vertices.T
        focal = 24 / np.tan(np.radians(30))
        # Seen from the origin every point lies where its texture has it.
        np.testing.assert_allclose(24 - focal * x / z, mesh.visual.uv[:, 0] * 48, atol=1e-3)
        np.testing.assert_allclose(20 - focal * y / z, mesh.visual.uv[:, 1] * 40, atol=1e-3)
    assert front.visual.material.baseColorTexture.mode == "RGBA"
    assert front.vertices[:, 2].mean() > back.vertices[:, 2].mean()
    assert maskdepth(*arguments, "--far", "1").code == ExitCode.USAGE
    monkeypatch.setattr(meshes, "find_spec", lambda name: None)
    assert "maskdepth[mesh]" in maskdepth(*arguments).err
