import numpy as np
import pytest
import trees

from maskdepth_cli.datasets.catalog import open_dataset
from maskdepth_cli.errors import InputFileError, NothingToDoError, UsageError

SOFT = np.where(trees.instance_ids() > 0, 255, 51).astype(np.uint8)


def masked(root, names=("a", "b"), layers=True):
    trees.generic(root, names, seg=False)
    for name in names:
        trees.write(root / f"masks/{name}.png", SOFT)
        for folder, value in (("foreground", 30000), ("background", 7500)) if layers else ():
            full = np.full(SOFT.shape, value, np.uint16)
            trees.write(root / f"{folder}/{name}.png", full)
    return root


def test_masks_stay_soft_and_layers_are_in_the_unit_of_the_depth(tmp_path):
    dataset = open_dataset("generic", masked(tmp_path))
    assert dataset.has_layers
    sample = dataset[1]
    (mask,) = sample.instances
    np.testing.assert_allclose(mask, SOFT / 255, atol=1e-6)
    foreground, background = sample.layers
    assert foreground[0, 0] == sample.depth[10, 10] == 30000
    assert (background == 7500).all()


def test_several_masks_a_photo_lie_in_its_folder(tmp_path):
    masked(tmp_path, ("a",))
    (tmp_path / "masks/a.png").unlink()
    trees.write(tmp_path / "masks/a/10.png", SOFT)
    trees.write(tmp_path / "masks/a/2.png", np.kron(255 - SOFT, np.ones((2, 2), np.uint8)))
    first, second = open_dataset("generic", tmp_path)[0].instances
    assert first[0, 0] == pytest.approx(0.8)  # 2 before 10, at the size of the depth
    assert second[0, 0] == pytest.approx(0.2)


def test_instance_maps_come_first_and_others_are_asked_for(tmp_path):
    trees.generic(masked(tmp_path))
    assert isinstance(open_dataset("generic", tmp_path)[0].instances, np.ndarray)
    assert not open_dataset("generic", tmp_path).has_layers
    assert isinstance(open_dataset("generic", tmp_path, masks="files")[0].instances, tuple)
    derived = open_dataset("generic", tmp_path, masks="from-depth")[0]
    assert derived.instances.max() == 2


def test_what_is_missing(tmp_path):
    masked(tmp_path)
    (tmp_path / "masks/a.png").unlink()
    (tmp_path / "background/b.png").unlink()
    dataset = open_dataset("generic", tmp_path)
    with pytest.raises(InputFileError, match=r"masks.a\.png"):
        dataset[0]
    assert dataset[1].layers is None  # scored without
    other = masked(tmp_path / "other", layers=False)
    assert not open_dataset("generic", other).has_layers
    for path in (other / "masks").iterdir():
        path.unlink()
    (other / "masks").rmdir()
    with pytest.raises(NothingToDoError, match="no masks in masks/"):
        open_dataset("generic", other, masks="files")
    with pytest.raises(UsageError, match="generic"):
        open_dataset("tartanair", other, masks="files")
