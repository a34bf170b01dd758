"""What is said where names do not pair: the likely cause, once, and what to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.commands.wanted import wanted_by_refine
from maskdepth_cli.run.gathering import gather
from maskdepth_cli.run.planning import Layout


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def planned(*inputs, **request):
        paths = {"masks": Path("masks")} | request
        wanted = wanted_by_refine(RefineRequest(inputs or ("photos",), **paths))
        return gather(inputs or ("photos",), wanted, Layout("png"), Path("out"), dry_run=True)

    return planned


def make(*names):
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def paired(plan):
    return {job.name: [str(path) for _, path in job.inputs] for job in plan.jobs}


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("{}_mask.png", "{name}_mask"),
        ("{}.out.png", "{name}.out"),
        ("{}-removebg-preview.png", "{name}-removebg-preview"),
        ("{}.mask.png", "{name}.mask"),
        ("mask_{}.png", "mask_{name}"),
        ("{}-0000.png", "{name}-0000"),
    ],
)
def test_the_pattern_of_a_tool_is_named_and_works(plan, file, pattern):
    for i in range(301):
        make(f"photos/val/IMG_{i:04}.jpg", f"masks/val/{file.format(f'IMG_{i:04}')}")
    planned = plan()
    assert planned.jobs == ()
    (note,) = planned.notes
    assert note.startswith("none of 301 photos has a mask in masks; looked for masks/val/IMG_0000")
    assert note.endswith(f"--mask-suffix '{pattern}' pairs 301")
    assert len(plan(mask_suffix=pattern).jobs) == 301


def test_a_pattern_with_a_star_where_ends_differ(plan):
    for i, model in enumerate(["dpt_large", "midas_v21", "dpt_large", "beit"]):
        make(f"photos/p{i}.jpg", f"masks/p{i}.png", f"depths/p{i}-{model}.png")
    (note,) = plan(depths=Path("depths")).notes
    assert note.endswith("--depth-suffix '{name}-*' pairs 4")
    assert len(plan(depths=Path("depths"), depth_suffix="{name}-*").jobs) == 4


def test_masks_one_level_up_and_down(plan):
    make(*(f"photos/{i}.jpg" for i in range(3)))
    make(*(f"masks/{i}.png" for i in range(3)), "masks/empty/x.txt")
    (note,) = plan(masks=Path("masks/empty")).notes
    assert "there are 3 files of these names one level up" in note
    make(*(f"deep/val/{i}.png" for i in range(3)))
    (note,) = plan(masks=Path("deep")).notes
    assert "3 files of these names lie in deep/val: give deep/val as their folder" in note


def test_masks_of_photos_in_folders_that_lie_one_level_up(plan):
    make(*(f"photos/{s}/{i}.jpg" for s in ("train", "val") for i in range(3)))
    make(*(f"masks/{i}.png" for i in range(3)))
    (note,) = plan().notes
    assert note.startswith("none of 6 photos has a mask in masks; looked for masks/train/0.png")
    assert "lie in masks, one level up" in note


def test_what_lies_there_but_is_not_read_is_named(plan):
    make("photos/a.jpg", "photos/b.jpg", "masks/a.psd", "masks/b.png")
    planned = plan()
    assert paired(planned) == {"b.jpg": ["masks/b.png"]}
    (note,) = planned.notes
    assert "masks/a.psd is there, but .psd is not read here" in note


def test_names_that_differ_by_case(plan):
    make("photos/IMG_1.jpg", "masks/img_1.png")
    assert "img_1.png differs from IMG_1.jpg by case" in plan().notes[0]


def test_photo_mask_and_depth_in_one_folder(plan):
    make("all/a.jpg", "all/a_mask.png", "all/a_depth.png", "all/my_mask.jpg", "all/c_mask.png")
    make("all/x/b.jpg", "all/x/b_mask.png", "all/x/b_depth.npy")
    folders = {"masks": Path("all"), "depths": Path("all")}
    planned = plan("all", mask_suffix="_mask", depth_suffix="_depth", **folders)
    assert paired(planned) == {
        "a.jpg": ["all/a_mask.png", "all/a_depth.png"],
        "x/b.jpg": ["all/x/b_mask.png", "all/x/b_depth.npy"],
    }
    assert planned.left_out == ()
    assert set(planned.notes) == {
        "no photo for the mask all/c_mask.png",
        "no photo for the mask all/my_mask.jpg",
    }


def test_a_photo_whose_name_a_star_could_fit_stays_a_photo(plan):
    make("all/my-dog.jpg", "all/my-dog-dpt.png", "masks/my-dog.png", "all/the-cat.jpg")
    make("masks/the-cat.png", "all/the-cat-dpt.png")
    planned = plan("all", depths=Path("all"), depth_suffix="{name}-*")
    assert paired(planned) == {
        "my-dog.jpg": ["masks/my-dog.png", "all/my-dog-dpt.png"],
        "the-cat.jpg": ["masks/the-cat.png", "all/the-cat-dpt.png"],
    }


def test_the_same_folder_without_an_option_names_it(plan):
    make("all/a.jpg", "all/a_mask.png", "all/a_depth.png")
    planned = plan("all", masks=Path("all"), depths=Path("all"))
    assert planned.jobs == ()
    assert "--mask-suffix '{name}_mask'" in planned.notes[0]
    assert "--depth-suffix '{name}_depth'" in planned.notes[1]


def test_a_folder_of_several_maps_names_the_option(plan):
    make("photos/a.jpg", "masks/a.png")
    make("moge/a/depth.exr", "moge/a/depth_vis.png", "moge/a/image.jpg", "moge/a/mask.png")
    (left,) = plan(depths=Path("moge")).left_out
    assert left.reason.endswith("say which: --depth-suffix '{name}/depth'")
    planned = plan(depths=Path("moge"), depth_suffix="{name}/depth")
    assert paired(planned) == {"a.jpg": ["masks/a.png", "moge/a/depth.exr"]}


def test_two_photos_of_one_name_are_told_how_to_name_their_mask(plan):
    make("photos/a.jpg", "photos/a.png", "masks/a.png")
    (note,) = plan().notes
    assert note.startswith("masks/a.png is taken as the mask of a.jpg and of a.png")
    assert note.endswith("call it a.jpg.png or a.png.png")
    make("masks/a.png.png")
    assert plan().notes == ()
    for i in range(300):
        make(f"photos/{i}.jpg", f"photos/{i}.webp", f"masks/{i}.png")
    assert len(plan().notes) == 4
    assert plan().notes[-1].startswith("297 more masks")


def test_folders_below_whose_files_have_a_pattern(plan):
    """Marigold's output folder as a whole."""
    make("photos/a.jpg", "photos/b.jpg", "masks/a.png", "masks/b.png")
    for name in ("a", "b"):
        make(f"out_of/depth_npy/{name}_pred.npy", f"out_of/depth_bw/{name}_pred.png")
    (note,) = plan(depths=Path("out_of")).notes[:1]
    assert note.endswith(
        "files in out_of/depth_bw or out_of/depth_npy are named NAME_pred: give one of these "
        "folders, and --depth-suffix '{name}_pred'"
    )


def test_two_maps_of_one_pattern(plan):
    make("photos/a.jpg", "masks/a.png", "depths/a-beit.png", "depths/a-swin.png")
    (left,) = plan(depths=Path("depths"), depth_suffix="{name}-*").left_out
    assert left.reason == (
        "2 files in depths, but one depth map is needed; narrow --depth-suffix down: a-beit.png, "
        "a-swin.png"
    )
