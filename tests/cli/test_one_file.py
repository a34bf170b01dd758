"""`-o out.png`: the depth map of a single photo in a file of that name, and nothing beside it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import tifffile

from maskdepth_cli.errors import ExitCode
from maskdepth_cli.files.depths import read_depth

READERS = {
    ".npy": np.load,
    ".npz": lambda path: np.load(path)["depth"],
    ".tif": tifffile.imread,
    ".tiff": tifffile.imread,
    ".pfm": lambda path: read_depth(path, "inverse"),
    ".exr": lambda path: read_depth(path, "inverse"),
}


def arguments(album, output, *more, photo="photos/a.jpg", depths="depths"):
    places = ["--masks", "masks", "--depths", depths, "-o", output]
    given = ["refine", photo, *places, "--weights", str(album.weights), "--device", "cpu", *more]
    known = {"masks", "depths", photo, depths, output}
    return [str(album.root / one) if one in known else one for one in given]


@pytest.mark.parametrize("ending", READERS)
def test_the_file_is_the_folder_s_file(album, maskdepth, ending):
    if ending == ".exr":
        pytest.importorskip("OpenEXR")
    album.add("a.jpg")
    assert maskdepth(*album.arguments("--format", "npy")).code == ExitCode.OK
    target = album.root / f"one/deep/depth{ending}"
    ended = maskdepth(*arguments(album, f"one/deep/depth{ending}"))
    assert (ended.code, ended.err) == (ExitCode.OK, f"results: {target}\n")
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    np.testing.assert_array_equal(READERS[ending](target), np.load(album.out / "a.npy"))


def test_a_png_keeps_the_codes_of_the_depth_map(album, maskdepth):
    _, blurred = album.add("a.jpg")
    codes = (blurred * 1000).astype(np.uint16)
    album.write("codes", "a.png", codes)
    maskdepth(*arguments(album, "depth.png", depths="codes"))
    written = cv2.imread(str(album.root / "depth.png"), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16
    np.testing.assert_array_equal(written[:4], codes[:4])
    assert (written != codes).any()


def test_it_is_written_again(album, maskdepth):
    album.add("a.jpg")
    target = album.root / "depth.tiff"
    target.write_bytes(b"of yesterday")
    assert maskdepth(*arguments(album, "depth.tiff")).code == ExitCode.OK
    assert tifffile.imread(target).shape == (40, 48)


@pytest.mark.parametrize(
    ("output", "more", "photo", "words"),
    [
        ("d.png", (), "photos", "takes the depth map of one photo"),
        ("d.jpg", (), "photos/a.jpg", "depth maps are not written as .jpg; take one of .png"),
        ("d.png", ("--layers", "--preview"), "photos/a.jpg", "--layers and --preview need a fol"),
        ("d.png", ("--json",), "photos/a.jpg", "--json need a folder"),
        ("d.png", ("--format", "exr"), "photos/a.jpg", "contradicts --format exr"),
        ("depths/a.npy", (), "photos/a.jpg", "is an input and the target"),
        ("masks/a.png", (), "photos/a.jpg", "is an input and the target"),
    ],
)
def test_what_has_no_place_in_one_file(album, maskdepth, output, more, photo, words):
    album.add("a.jpg")
    before = sorted(album.root.rglob("*"))
    ended = maskdepth(*arguments(album, output, *more, photo=photo))
    assert ended.code == ExitCode.USAGE
    assert words in ended.err
    assert sorted(album.root.rglob("*")) == before


def test_a_photo_that_fails_leaves_what_was_there(album, maskdepth):
    album.add("a.jpg")
    album.path("masks", "a.png").write_bytes(b"no picture")
    target = album.root / "d.npy"
    target.write_bytes(b"of yesterday")
    ended = maskdepth(*arguments(album, "d.npy"))
    assert ended.code == ExitCode.SOME_FAILED
    assert "failed: a.jpg: " in ended.err
    assert target.read_bytes() == b"of yesterday"


def test_a_folder_may_be_called_like_a_file(album, maskdepth):
    album.add("a.jpg")
    (album.root / "x.png").mkdir()
    assert maskdepth(*arguments(album, "x.png")).code == ExitCode.OK
    assert (album.root / "x.png/a.tiff").is_file()


def test_floats_that_no_png_holds_get_a_line_that_names_the_photo(album, maskdepth):
    _, blurred = album.add("a.jpg")
    np.save(album.path("far", "a.npy"), blurred.astype(np.float32) * 1000)
    ended = maskdepth(*arguments(album, "d.png", depths="far"))
    assert ended.code == ExitCode.SOME_FAILED
    (line,) = (one for one in ended.err.splitlines() if "failed" in one)
    assert line.startswith("failed: a.jpg: ")
    assert "--png-range LOW,HIGH, or write a .tiff" in line
    assert "/" not in line
