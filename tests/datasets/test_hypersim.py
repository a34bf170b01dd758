import sys

import numpy as np
import pytest
import trees

from maskdepth_cli.datasets import hdf5
from maskdepth_cli.datasets.catalog import open_dataset
from maskdepth_cli.datasets.hypersim import planar_inverse_depth, standard_camera, tone_map
from maskdepth_cli.errors import InputFileError, UsageError

HEIGHT, WIDTH = trees.HYPERSIM


def names(dataset):
    return [frame.name for frame in dataset.frames]


def test_first_frame_of_each_trajectory_or_of_each_scene(tmp_path):
    trees.hypersim(tmp_path)
    assert names(open_dataset("hypersim", tmp_path)) == [
        "ai_001_001/cam_00/frame.0003",
        "ai_001_001/cam_01/frame.0003",
        "ai_001_002/cam_00/frame.0003",
        "ai_001_002/cam_01/frame.0003",
    ]
    assert names(open_dataset("hypersim", tmp_path, select="scene")) == [
        "ai_001_001/cam_00/frame.0003",
        "ai_001_002/cam_00/frame.0003",
    ]


def test_only_public_images_where_the_table_is_there(tmp_path):
    trees.hypersim(tmp_path, ("ai_001_001",))
    rows = [
        {
            "scene_name": "ai_001_001",
            "camera_name": camera,
            "frame_id": frame,
            "included_in_public_release": public,
            "exclude_reason": "",
        }
        for camera, frame, public in (
            ("cam_00", 3, "False"),
            ("cam_00", 5, "True"),
            ("cam_01", 3, "False"),
            ("cam_01", 5, "False"),
        )
    ]
    trees.table(tmp_path / "evermotion_dataset/analysis/metadata_images.csv", rows)
    dataset = open_dataset("hypersim", tmp_path)
    assert names(dataset) == ["ai_001_001/cam_00/frame.0005"]
    assert not any("metadata_images" in note for note in dataset.notes)


def test_scenes_in_a_checkout_of_the_toolkit(tmp_path):
    trees.hypersim(tmp_path / "evermotion_dataset/scenes", ("ai_001_001",), ("cam_00",))
    assert names(open_dataset("hypersim", tmp_path)) == ["ai_001_001/cam_00/frame.0003"]


def test_distance_becomes_planar_depth(tmp_path):
    sample = open_dataset("hypersim", trees.hypersim(tmp_path))[0]
    expected = 1 / trees.metric_depth(0, HEIGHT, WIDTH)
    # float16 distances: 11 bits.
    np.testing.assert_allclose(sample.depth[2:], expected[2:], rtol=1e-3)
    assert not sample.valid[:2].any()
    assert sample.valid[2:].all()
    assert sample.instances[0, 0] == 0
    assert sample.instances[10, 10] == 7


def test_standard_camera_is_the_published_focal_length():
    distance = np.full((768, 1024), 3.0)
    inverse = planar_inverse_depth(distance, standard_camera(768, 1024))
    np.testing.assert_allclose(1 / inverse, 3 / trees.ray_lengths(768, 1024), rtol=1e-5)


def test_each_scene_has_its_own_camera(tmp_path):
    trees.hypersim(tmp_path, cameras=("cam_00",))
    narrow = (standard_camera(HEIGHT, WIDTH) * [[0.1], [0.1], [1]]).tolist()
    table = tmp_path / "contrib/mikeroberts3000/metadata_camera_parameters.csv"
    trees.table(table, [trees.camera_row("ai_001_002", narrow)])
    standard, special = open_dataset("hypersim", tmp_path)
    # A tenth of the view: the rays are all but parallel, so planar depth is the distance.
    ratio = special.depth[-1, 0] / standard.depth[-1, 0]
    assert ratio == pytest.approx(1 / trees.ray_lengths(HEIGHT, WIDTH)[-1, 0], rel=0.01)


def test_tilted_image_plane_by_hand():
    # One pixel, whose ray is (1, 0, -2): depth is 2 / sqrt(5) of the distance.
    camera = np.array([[0, 0, 1], [0, 0, 0], [0, 0, -2.0]])
    inverse = planar_inverse_depth(np.array([[5.0]]), camera)
    assert inverse[0, 0] == pytest.approx(np.sqrt(5) / 10)


def test_nothing_is_nan():
    distance = np.array([[np.nan, np.inf, 0.0, -1.0, 2.0]])
    known = np.isfinite(planar_inverse_depth(distance, standard_camera(1, 5)))
    assert known.tolist() == [[False, False, False, False, True]]


def test_tone_mapping_brings_the_90th_percentile_to_four_fifths():
    rng = np.random.default_rng(0)
    gray = np.repeat(rng.gamma(2, 5, (40, 50, 1)), 3, axis=2)
    valid = np.ones((40, 50), bool)
    mapped = tone_map(gray, valid)
    assert np.percentile(mapped[..., 0], 90) == pytest.approx(0.8, abs=0.01)
    assert mapped.min() >= 0
    assert mapped.max() <= 1
    order = np.argsort(gray[..., 0].ravel())
    assert (np.diff(mapped[..., 0].ravel()[order]) >= 0).all()


def test_tone_mapping_looks_at_valid_pixels_and_survives_the_dark():
    linear = np.full((4, 4, 3), 0.25)
    linear[0] = 1e6
    valid = np.ones((4, 4), bool)
    valid[0] = False
    np.testing.assert_allclose(tone_map(linear, valid)[1:], 0.8, rtol=1e-5)
    assert (tone_map(np.zeros((4, 4, 3)), valid) == 0).all()
    assert np.isfinite(tone_map(linear * np.nan, ~valid)).all()


def test_hdr_colour_where_there_is_no_preview(tmp_path):
    sample = open_dataset("hypersim", trees.hypersim(tmp_path, preview=False))[0]
    np.testing.assert_allclose(sample.image, 0.8, rtol=1e-3)


@pytest.mark.parametrize("damage", ["cut", "key", "shape"])
def test_a_corrupt_frame_names_its_file(tmp_path, damage):
    trees.hypersim(tmp_path, ("ai_001_001",), ("cam_00",))
    path = next(tmp_path.rglob("frame.0003.depth_meters.hdf5"))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:300])
    elif damage == "key":
        import h5py

        with h5py.File(path, "w") as file:
            file["other"] = np.ones((HEIGHT, WIDTH))
    else:
        trees.write(path, np.ones((HEIGHT, WIDTH, 3)))
    with pytest.raises(InputFileError, match=r"frame\.0003\.depth_meters"):
        open_dataset("hypersim", tmp_path)[0]


def test_damaged_tables_are_named(tmp_path):
    trees.hypersim(tmp_path, ("ai_001_001",), ("cam_00",))
    (tmp_path / "metadata_images.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"metadata_images\.csv"):
        open_dataset("hypersim", tmp_path)


def test_without_h5py_the_message_names_the_extra(tmp_path, monkeypatch):
    trees.hypersim(tmp_path, ("ai_001_001",), ("cam_00",))
    hdf5.h5py.cache_clear()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match=r"maskdepth\[datasets\]"):
        open_dataset("hypersim", tmp_path)
    hdf5.h5py.cache_clear()
