from __future__ import annotations

from pathlib import Path

import pytest

from maskdepth_cli.pairing.matching import InputFile, Pairing
from maskdepth_cli.run.planning import Companion, Layout, plan_jobs

OUT = Path("out")


def photo(relative, root="photos"):
    return InputFile(Path(root, relative), Path(relative))


def companion(role, files, several=False, unused=(), ambiguous=None):
    paired = {key: tuple(map(Path, paths)) for key, paths in files.items()}
    pairing = Pairing(paired, (), tuple(map(Path, unused)), ambiguous or {})
    return Companion(role, role, Path(f"{role}s"), pairing, several)


def reasons(plan):
    return {left.name: left.reason for left in plan.left_out}


def test_a_job_names_all_its_files():
    a = photo("x/a.b.jpg")
    plan = plan_jobs(
        [a],
        [
            companion("mask", {a: ["masks/x/a.b/1.png", "masks/x/a.b/2.png"]}, several=True),
            companion("depth", {a: ["depths/x/a.b.png"]}),
        ],
        Layout("tiff", layers=True, preview=True),
        OUT,
    )
    (job,) = plan.jobs
    assert job.name == "x/a.b.jpg"
    assert job.image == Path("photos/x/a.b.jpg")
    assert job.paths("mask") == [Path("masks/x/a.b/1.png"), Path("masks/x/a.b/2.png")]
    assert job.paths("depth") == [Path("depths/x/a.b.png")]
    assert job.outputs == (
        ("depth", "x/a.b.tiff"),
        ("foreground", "layers/foreground/x/a.b.tiff"),
        ("background", "layers/background/x/a.b.tiff"),
        ("mask", "layers/mask/x/a.b.png"),
        ("preview", "previews/x/a.b.png"),
    )


def test_order_is_that_of_the_photos_and_missing_ones_are_named():
    photos = [photo(f"{name}.jpg") for name in "cab"]
    masks = companion("mask", {photos[0]: ["masks/c.png"], photos[2]: ["masks/b.png"]})
    plan = plan_jobs(photos, [masks], Layout("png"), OUT)
    assert [job.name for job in plan.jobs] == ["c.jpg", "b.jpg"]
    assert reasons(plan) == {"a.jpg": "no mask for it in masks"}


def test_too_many_and_ambiguous_companions():
    a, b = photo("a.jpg"), photo("b.jpg")
    depth = companion(
        "depth",
        {a: ["depths/a/1.png", "depths/a/2.png"]},
        ambiguous={b: (Path("b.png"), Path("b.npy"))},
    )
    plan = plan_jobs([a, b], [depth], Layout("png"), OUT)
    assert reasons(plan) == {
        "a.jpg": "2 files in depths/a, but one depth is needed",
        "b.jpg": "several files may be its depth: b.png, b.npy; keep one",
    }


def test_names_that_differ_by_extension_keep_it():
    photos = [photo("a.jpg"), photo("a.png"), photo("b.jpg")]
    plan = plan_jobs(photos, [], Layout("png"), OUT)
    assert [job.output("depth") for job in plan.jobs] == ["a.jpg.png", "a.png.png", "b.png"]


def test_same_relative_name_from_two_folders_is_left_out():
    photos = [photo("a.jpg", "one"), photo("a.jpg", "two"), photo("b.jpg", "two")]
    plan = plan_jobs(photos, [], Layout("png"), OUT)
    assert [job.name for job in plan.jobs] == ["b.jpg"]
    assert len(plan.left_out) == 2


def test_case_matters_where_the_file_system_minds_it():
    photos = [photo("a.jpg"), photo("A.jpg")]
    assert len(plan_jobs(photos, [], Layout("png"), OUT).jobs) == 2
    plan = plan_jobs(photos, [], Layout("png"), OUT, ignore_case=True)
    assert len(plan.jobs) == 0
    assert len(plan.left_out) == 2


def test_a_photo_named_like_a_preview_loses_to_the_preview():
    photos = [photo("x.jpg"), photo("previews/x.jpg")]
    assert len(plan_jobs(photos, [], Layout("png"), OUT).jobs) == 2
    plan = plan_jobs(photos, [], Layout("png", preview=True), OUT)
    assert [job.name for job in plan.jobs] == ["x.jpg"]
    assert "previews/x.png" in reasons(plan)["previews/x.jpg"]


@pytest.mark.parametrize("target", ["photos", "depths"])
def test_no_input_is_overwritten(target):
    a, b = photo("a.png"), photo("b.jpg")
    depth = companion("depth", {a: ["depths/a.npy"], b: ["depths/b.png"]})
    plan = plan_jobs([a, b], [depth], Layout("png"), Path(target))
    spared = {"photos": "a.png", "depths": "b.jpg"}[target]
    assert list(reasons(plan)) == [spared]
    assert "overwrite an input" in reasons(plan)[spared]


def test_unused_masks_are_named_up_to_a_point():
    unused = [f"masks/{i}.png" for i in range(25)]
    plan = plan_jobs([], [companion("mask", {}, unused=unused)], Layout("png"), OUT)
    assert plan.notes[0] == "no photo for the mask masks/0.png"
    assert len(plan.notes) == 21
    assert plan.notes[-1] == "no photo for 5 more files in masks"
