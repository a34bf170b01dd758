"""`bokeh` and `export` from what `refine --layers` wrote."""

from __future__ import annotations

import json

import cv2
import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image

from maskdepth_cli.errors import ExitCode
from maskdepth_cli.files import layers


@pytest.fixture
def run(album, maskdepth):
    """A finished run over two photos, its command and its target folder."""
    album.add("a.jpg")
    album.add("x/b.png")
    assert maskdepth(*album.arguments("--layers", "--format", "npy")).code == ExitCode.OK
    return album


def target(album, *parts):
    return album.root.joinpath(*parts)


def linear(values):
    values = values / 255.0
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def test_bokeh_keeps_the_object_and_blurs_the_rest(run, maskdepth):
    out = target(run, "bokeh")
    ended = maskdepth("bokeh", str(run.out), "-o", str(out), "--aperture", "0.1", "--json")
    assert ended.code == ExitCode.OK
    assert sorted(ended.rows) == ["a.jpg", "x/b.png"]
    photo = cv2.imread(str(run.path("photos", "x/b.png"))).astype(int)
    mask = cv2.imread(str(run.path("masks", "x/b.png")), cv2.IMREAD_UNCHANGED) == 255
    blurred = cv2.imread(str(out / "x/b.png")).astype(int)
    assert np.abs(blurred - photo)[mask].max() <= 1
    corner = (slice(0, 6), slice(0, 48))
    assert blurred[corner].std() < 0.5 * photo[corner].std()
    again = maskdepth("bokeh", str(run.out), "-o", str(out), "--aperture", "0.1", "--json")
    assert {row["status"] for row in again.rows.values()} == {"skipped"}


def test_focus_by_point_and_by_mask(run, maskdepth):
    album, one = run, str(run.out)
    depth = np.load(album.out / "a.npy")

    def focus(*arguments):
        ended = maskdepth(
            "bokeh", one, "a.jpg", "-o", str(target(album, "b")), "--json", *arguments
        )
        assert ended.code == ExitCode.OK
        return ended.rows["a.jpg"]["details"]["focus"]

    assert focus("--focus", "24,20") == pytest.approx(depth[20, 24])
    corner = np.zeros((40, 48), np.uint8)
    corner[:4, :4] = 255
    path = album.write(".", "corner.png", corner)
    assert focus("--focus-mask", str(path)) == pytest.approx(np.median(depth[:4, :4]))
    assert focus("--focus", "background") < depth[20, 24] - 1
    between = focus("--focus", "24,20:1,1")
    assert between == pytest.approx(sorted([depth[20, 24], depth[1, 1]]))
    low, high = focus("--focus-range", "0.25,1")
    assert low == pytest.approx(np.percentile(depth, 1) * 0.75 + np.percentile(depth, 99) * 0.25)
    assert high == pytest.approx(np.percentile(depth, 99))
    assert focus("--focus", "object") > depth[:4, :4].max() + 1


def test_photos_that_have_moved(run, maskdepth):
    (run.root / "photos").rename(run.root / "elsewhere")
    arguments = ["bokeh", str(run.out), "-o", str(target(run, "b"))]
    ended = maskdepth(*arguments)
    assert ended.code == ExitCode.NOTHING_TO_DO
    assert "--photos" in ended.err
    assert maskdepth(*arguments, "--photos", str(run.root / "elsewhere")).code == ExitCode.OK
    other = np.zeros((12, 12, 3), np.uint8)
    run.write("others", "a.jpg", other)
    ended = maskdepth(*arguments, "a.jpg", "--photos", str(run.root / "others"), "--overwrite")
    assert ended.code == ExitCode.SOME_FAILED
    assert "not of the size" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nobody.jpg"], ExitCode.USAGE, "a.jpg, x/b.png"),
        (["--focus", "here"], ExitCode.USAGE, "640,480"),
        (["--focus", "1,1", "--focus-mask", "m.png"], ExitCode.USAGE, "one of"),
        (["--focus-range", "0.8,0.2"], ExitCode.USAGE, "0.5,0.8"),
        (["--blades", "3"], ExitCode.USAGE, "5 or more"),
        (["a.jpg", "--focus", "48,0"], ExitCode.SOME_FAILED, "48x40"),
    ],
)
def test_mistakes_are_told_in_a_line(run, maskdepth, arguments, code, words):
    ended = maskdepth("bokeh", str(run.out), "-o", str(target(run, "b")), *arguments)
    assert ended.code == code
    assert words in ended.err


def test_without_layers_there_is_nothing_to_blur(album, maskdepth):
    album.add("a.jpg")
    maskdepth(*album.arguments())
    ended = maskdepth("bokeh", str(album.out), "-o", str(target(album, "b")))
    assert ended.code == ExitCode.NOTHING_TO_DO
    assert "--layers" in ended.err
    assert maskdepth("export", str(album.root)).code == ExitCode.NOTHING_TO_DO


NAMES = [
    "color",
    "alpha",
    "depth",
    "foreground.color",
    "foreground.depth",
    "background.color",
    "background.depth",
]


def test_a_tiff_holds_a_page_a_layer(run, maskdepth):
    out = target(run, "layers")
    assert maskdepth("export", str(run.out), "-o", str(out)).code == ExitCode.OK
    with tifffile.TiffFile(out / "x/b.tiff") as file:
        pages = {page.tags["PageName"].value: page for page in file.pages}
        assert list(pages) == NAMES
        facts = json.loads(pages["depth"].description)["maskdepth"]
        assert facts["layer"] == "depth"
        assert facts["kind"] == "inverse"
        values = {name: page.asarray() for name, page in pages.items()}
    assert {array.dtype for array in values.values()} == {np.dtype(np.float32)}
    photo = cv2.imread(str(run.path("photos", "x/b.png")))[..., ::-1]
    np.testing.assert_allclose(values["color"], linear(photo), atol=1e-5)
    np.testing.assert_array_equal(values["depth"], np.load(run.out / "x/b.npy"))
    for layer in ("foreground", "background"):
        stored = np.load(run.out / f"layers/{layer}/x/b.npy")
        np.testing.assert_array_equal(values[f"{layer}.depth"], stored)
    alpha = values["alpha"][..., None]
    composite = alpha * values["foreground.color"] + (1 - alpha) * values["background.color"]
    away = cv2.dilate(values["alpha"], np.ones((5, 5))) == values["alpha"]
    np.testing.assert_allclose(composite[away], values["color"][away], atol=1e-5)


def test_metric_depth_is_exported_as_depth(album, maskdepth):
    _, blurred = album.add("a.jpg")
    np.save(album.path("depths", "a.npy"), 1 / blurred)
    maskdepth(*album.arguments("--layers", "--format", "tiff", "--depth-kind", "depth"))
    out = target(album, "layers")
    assert maskdepth("export", str(album.out), "-o", str(out), "--format", "files").code == 0
    assert sorted(path.stem for path in (out / "a").iterdir()) == sorted(NAMES)
    with Image.open(out / "a/depth.tiff") as exported, Image.open(album.out / "a.tiff") as written:
        np.testing.assert_allclose(np.asarray(exported), np.asarray(written), rtol=1e-5)


def test_openexr_has_named_channels(run, maskdepth, monkeypatch):
    out = target(run, "layers")
    arguments = ["export", str(run.out), "a.jpg", "-o", str(out), "--format", "exr"]
    assert maskdepth(*arguments).code == ExitCode.OK
    with OpenEXR.File(str(out / "a.exr"), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    colors = [
        f"{layer}{letter}" for layer in ("", "foreground.", "background.") for letter in "RGB"
    ]
    depths = ["depth.Z", "foreground_depth.Z", "background_depth.Z"]
    assert sorted(channels) == sorted([*colors, *depths, "A"])
    np.testing.assert_array_equal(channels["depth.Z"], np.load(run.out / "a.npy"))
    photo = cv2.imread(str(run.path("photos", "a.jpg")))
    np.testing.assert_allclose(channels["R"], linear(photo[..., 2]), atol=1e-5)
    monkeypatch.setattr(layers, "find_spec", lambda name: None)
    ended = maskdepth(*arguments)
    assert ended.code == ExitCode.USAGE
    assert "maskdepth[exr]" in ended.err
