import numpy as np
import pytest
import trees

from maskdepth_cli.datasets.catalog import open_dataset
from maskdepth_cli.errors import InputFileError, NothingToDoError


def test_reads_values_as_they_are(tmp_path):
    dataset = open_dataset("generic", trees.generic(tmp_path))
    assert len(dataset) == 2
    assert [frame.name for frame in dataset.frames] == ["a", "b"]
    sample = dataset[0]
    assert sample.image.shape == (trees.HEIGHT, trees.WIDTH, 3)
    assert sample.image.max() <= 1
    expected = np.round(60000 / trees.metric_depth())
    np.testing.assert_array_equal(sample.depth, expected.astype(np.float32))
    np.testing.assert_array_equal(sample.instances, trees.instance_ids())
    assert sample.valid.all()


def test_metric_maps_are_inverted_and_zero_is_unknown(tmp_path):
    trees.generic(tmp_path, ("a",))
    depth = trees.metric_depth()
    depth[0, 0] = 0
    (tmp_path / "depth/a.png").unlink()
    trees.write(tmp_path / "depth/a.npy", depth)
    sample = open_dataset("generic", tmp_path, kind="depth")[0]
    assert not sample.valid[0, 0]
    np.testing.assert_allclose(sample.depth[6:18, 8:20], 0.5)


def test_subfolders_keep_names_apart(tmp_path):
    trees.generic(tmp_path, ("x/a", "y/a"))
    dataset = open_dataset("generic", tmp_path)
    assert [frame.name for frame in dataset.frames] == ["x/a", "y/a"]
    assert dataset[1].name == "y/a"


def test_photo_and_instances_follow_the_size_of_the_depth(tmp_path):
    trees.generic(tmp_path, ("a",))
    trees.write(tmp_path / "rgb/a.jpg", trees.photo(0, 48, 64))
    trees.write(tmp_path / "seg/a.png", np.kron(trees.instance_ids(), np.ones((2, 2), np.uint8)))
    sample = open_dataset("generic", tmp_path)[0]
    assert sample.image.shape == (trees.HEIGHT, trees.WIDTH, 3)
    np.testing.assert_array_equal(sample.instances, trees.instance_ids())


@pytest.mark.parametrize("folder", ["depth", "seg"])
def test_a_missing_map_fails_its_frame_only(tmp_path, folder):
    trees.generic(tmp_path)
    (tmp_path / folder / "a.png").unlink()
    dataset = open_dataset("generic", tmp_path)
    with pytest.raises(InputFileError, match=r"a\.png"):
        dataset[0]
    assert dataset[1].name == "b"


def test_without_seg_masks_come_from_the_depth(tmp_path):
    dataset = open_dataset("generic", trees.generic(tmp_path, seg=False))
    assert "discontinuities" in dataset.masks
    box = dataset[0].instances == dataset[0].instances[10, 10]
    np.testing.assert_array_equal(box, trees.instance_ids() > 0)
    with pytest.raises(NothingToDoError, match="from-depth"):
        open_dataset("generic", tmp_path, masks="instances")


def test_limit_says_so(tmp_path):
    dataset = open_dataset("generic", trees.generic(tmp_path))
    assert len(dataset.limited(1)) == 1
    assert "first 1 of 2" in dataset.limited(1).title
    assert dataset.limited(None) is dataset
    assert dataset.limited(9) is dataset


@pytest.mark.parametrize("name", ["generic", "tartanair", "tartanair2", "hypersim"])
def test_absent_sets_say_what_is_expected_in_one_line(tmp_path, name):
    with pytest.raises(NothingToDoError) as missing:
        open_dataset(name, tmp_path / "nowhere")
    assert "no such folder" in str(missing.value)
    with pytest.raises(NothingToDoError) as empty:
        open_dataset(name, tmp_path)
    message = str(empty.value)
    assert "\n" not in message
    expected = {
        "generic": "rgb/NAME.jpg",
        "tartanair": "ENV/Easy/P000/depth_left/000100_left_depth.npy",
        "tartanair2": "ENV/Data_easy/P000/depth_lcam_front/000100_lcam_front_depth.png",
        "hypersim": "ai_VVV_NNN/images/",
    }
    assert expected[name] in message
    assert ("download" in message) == (name != "generic")
