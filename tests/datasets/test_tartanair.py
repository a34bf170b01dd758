import numpy as np
import pytest
import trees

from maskdepth_cli.datasets.catalog import open_dataset
from maskdepth_cli.errors import InputFileError, NothingToDoError


def test_v1_takes_frame_100_of_every_easy_trajectory_there_is(tmp_path):
    dataset = open_dataset("tartanair", trees.tartanair1(tmp_path))
    # Numbers have gaps (P000, P003), Hard is left out, environments are kept apart.
    assert [frame.name for frame in dataset.frames] == [
        f"{environment}/Easy/{number}/000100"
        for environment in ("hospital", "ocean")
        for number in ("P000", "P003")
    ]
    assert dataset.paper_set is None  # not the 206 of the paper


def test_v1_values(tmp_path):
    sample = open_dataset("tartanair", trees.tartanair1(tmp_path))[1]
    np.testing.assert_allclose(sample.depth, 1 / trees.metric_depth(3), rtol=1e-6)
    assert sample.valid.all()
    assert sample.image.shape == (trees.HEIGHT, trees.WIDTH, 3)
    # Every mesh id is an instance, 0 too.
    np.testing.assert_array_equal(sample.instances, trees.instance_ids().astype(int) + 1)


def test_v1_sky_is_far_and_valid(tmp_path):
    trees.tartanair1(tmp_path, ("ocean",), (0,))
    depth = trees.metric_depth()
    depth[0] = 10000
    trees.write(tmp_path / "ocean/Easy/P000/depth_left/000100_left_depth.npy", depth)
    sample = open_dataset("tartanair", tmp_path)[0]
    assert sample.valid.all()
    np.testing.assert_allclose(sample.depth[0], 1e-4, rtol=1e-6)


def test_v1_unpacked_one_level_deeper_or_from_inside(tmp_path):
    trees.tartanair1(tmp_path / "ocean", ("ocean",))
    names = [f.name for f in open_dataset("tartanair", tmp_path).frames]
    assert names == ["ocean/Easy/P000/000100", "ocean/Easy/P003/000100"]
    assert names == [f.name for f in open_dataset("tartanair", tmp_path / "ocean/ocean").frames]


def test_trajectories_without_the_frame_are_noted(tmp_path):
    trees.tartanair1(tmp_path, ("ocean",), (0,))
    trees.tartanair1(tmp_path, ("ocean",), (1,), frame=7)
    dataset = open_dataset("tartanair", tmp_path)
    assert len(dataset) == 1
    assert dataset.notes == ("1 of 2 trajectories have no frame 100",)
    assert len(open_dataset("tartanair", tmp_path, number=7)) == 1
    with pytest.raises(NothingToDoError, match="frame 8"):
        open_dataset("tartanair", tmp_path, number=8)


def test_the_paper_set_is_known_by_its_206_frames(tmp_path):
    numbers = range(103)
    trees.tartanair1(tmp_path, ("ocean", "hospital"), numbers)
    assert open_dataset("tartanair", tmp_path).paper_set == "tartanair"
    assert open_dataset("tartanair", tmp_path, masks="from-depth").paper_set is None
    assert open_dataset("tartanair", tmp_path).limited(5).paper_set is None


def test_v2_unpacks_float32_from_png(tmp_path):
    dataset = open_dataset("tartanair2", trees.tartanair2(tmp_path))
    assert dataset.frames[0].name == "AbandonedCable/Data_easy/P002/000100"
    sample = dataset[0]
    np.testing.assert_allclose(sample.depth, 1 / trees.metric_depth(), rtol=1e-6)
    np.testing.assert_array_equal(sample.instances, trees.instance_ids().astype(int) + 1)


def test_v2_depth_must_have_four_channels(tmp_path):
    trees.tartanair2(tmp_path)
    path = next(tmp_path.rglob("*_depth.png"))
    trees.write(path, trees.instance_ids())
    with pytest.raises(InputFileError, match="four channels"):
        open_dataset("tartanair2", tmp_path)[0]


def test_a_corrupt_frame_names_its_file(tmp_path):
    trees.tartanair1(tmp_path, ("ocean",))
    path = tmp_path / "ocean/Easy/P000/depth_left/000100_left_depth.npy"
    path.write_bytes(path.read_bytes()[:200])
    dataset = open_dataset("tartanair", tmp_path)
    with pytest.raises(InputFileError, match="000100_left_depth"):
        dataset[0]
    assert dataset[1].valid.all()
