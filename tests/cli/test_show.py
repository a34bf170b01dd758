"""`maskdepth show` over files: pairing, truth, and what redoes a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from maskdepth_cli.errors import ExitCode


@pytest.fixture
def show(album, maskdepth):
    """A refined album and the command that shows it."""
    truth, _ = album.add("a.jpg")
    album.add("x/b.png")
    for name in ("a", "x/b"):
        np.save(album.path("truth", f"{name}.npy"), 1 / truth)  # metric depth
    assert maskdepth(*album.arguments("--format", "npy")).code == ExitCode.OK

    def run(*more):
        folder = {name: str(album.root / name) for name in ("photos", "depths", "out", "shown")}
        arguments = [folder["photos"], "--before", folder["depths"], "--after", folder["out"]]
        return maskdepth("show", *arguments, "-o", folder["shown"], "--json", *more)

    run.album = album
    return run


def picture(album, name="x/b.png"):
    return np.asarray(Image.open(album.root / "shown" / name)).astype(int)


def test_pictures_lie_in_the_tree_of_the_photos(show):
    album = show.album
    ended = show("--masks", str(album.root / "masks"))
    assert (ended.code, sorted(ended.rows)) == (ExitCode.OK, ["a.jpg", "x/b.png"])
    assert "no photo for" not in ended.err
    five = picture(album).shape[1]
    assert show("--crops", "0").rows["a.jpg"]["status"] == "done"
    four = picture(album)
    assert four.shape[1] * 5 == pytest.approx(five * 4, rel=0.01)
    again = show("--crops", "0")
    assert {row["status"] for row in again.rows.values()} == {"skipped"}
    assert show("--crops", "0", "--colormap", "GRAY").rows["a.jpg"]["status"] == "done"
    width = four.shape[1] // 4
    depth = picture(album)[40:-20, width + 10 : 2 * width - 20]
    assert (np.ptp(depth, axis=2) == 0).all()
    assert np.ptp(depth) > 200


def test_truth_of_its_own_kind_tells_better_from_worse(show):
    album = show.album
    metric = np.load(album.root / "truth" / "x" / "b.npy")
    np.save(album.out / "x" / "b.npy", 1 / metric)
    arguments = ("--truth", str(album.root / "truth"), "--truth-kind", "depth", "--crops", "0")
    assert show(*arguments).code == ExitCode.OK
    shown = picture(album)
    left = shown.shape[1] * 4 // 5 + 20
    improvement = shown[40:-20, left:-20]
    blue = improvement[..., 2] - improvement[..., 0]
    assert (blue > 60).sum() > 10_000
    assert blue.min() > -20  # the maps that are compared to the blurred ones are the truth
    # Aligned to the truth, a map and twice that map plus one are the same picture.
    for name in ("a", "x/b"):
        for folder in ("depths", "out"):
            path = album.root / folder / f"{name}.npy"
            np.save(path, 2 * np.load(path) + 1)
    assert show(*arguments).rows["x/b.png"]["status"] == "done"
    assert np.abs(picture(album) - shown).max() <= 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--masks", ".", "--instances", "."], ExitCode.USAGE, "either"),
        (["--truth", "nowhere"], ExitCode.USAGE, "nowhere"),
        (["--crops", "10"], ExitCode.USAGE, "--crops"),
        (["--colormap", "jet"], ExitCode.USAGE, "inferno"),
    ],
)
def test_mistakes_are_told_in_a_line(show, arguments, code, words):
    ended = show(*arguments)
    assert ended.code == code
    assert words in ended.err


def test_a_photo_without_a_map_fails_alone(show):
    album = show.album
    (album.root / "depths" / "a.npy").unlink()
    unknown = np.full((40, 48), np.nan)
    unknown[0, 0] = 1
    np.save(album.root / "truth" / "x" / "b.npy", unknown)
    ended = show()
    assert ended.code == ExitCode.SOME_FAILED
    assert "no depth map for it" in ended.rows["a.jpg"]["message"]
    assert ended.rows["x/b.png"]["status"] == "done"
    known = np.load(album.root / "depths" / "x" / "b.npy")
    known[0, 0] = np.nan
    np.save(album.root / "depths" / "x" / "b.npy", known)
    ended = show("--truth", str(album.root / "truth"))
    assert "both known" in ended.rows["x/b.png"]["message"]
