from __future__ import annotations

import io
import json
import os
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from maskdepth_cli.errors import ExitCode

SIZE = (40, 48)  # height, width of the album's photos


def disc(centre, radius):
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2).astype(np.float32)


def refined(album, name):
    return np.load(album.out / f"{name}.npy")


def test_depth_becomes_sharp_along_the_mask_and_stays_elsewhere(album, maskdepth):
    truth, blurred = album.add("a.jpg")
    album.add("sub/deep/b.png")
    ended = maskdepth(*album.arguments("--format", "npy"))
    assert ended.code == ExitCode.OK
    assert ended.out == ""
    assert sorted(album.files()) == ["a.npy", "sub/deep/b.npy"]
    after = refined(album, "a")
    assert after.dtype == np.float32
    assert np.abs(after - truth).mean() < 0.75 * np.abs(blurred - truth).mean()
    corner = (slice(0, 4), slice(0, 4))
    np.testing.assert_allclose(after[corner], blurred[corner], rtol=1e-5)


def test_layers_and_previews(album, maskdepth):
    album.add("x/a.jpg")
    ended = maskdepth(*album.arguments("--layers", "--preview", "--json"))
    assert sorted(album.files()) == [
        "layers/background/x/a.tiff",
        "layers/foreground/x/a.tiff",
        "layers/mask/x/a.png",
        "previews/x/a.png",
        "x/a.tiff",
    ]
    written = cv2.imread(str(album.out / "layers/mask/x/a.png"), cv2.IMREAD_UNCHANGED)
    given = cv2.imread(str(album.path("masks", "x/a.png")), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, given.astype(np.uint16) * 257)
    (row,) = ended.rows.values()
    assert row["output"] == str(album.out / "x/a.tiff")
    assert row["details"]["made_with"]["keep"] == "band"
    digest = sha256(album.weights.read_bytes()).hexdigest()
    assert row["details"]["made_with"]["weights"] == digest
    assert row["details"]["scale"]["kind"] == "inverse"
    assert row["details"]["max_change"] > 1
    assert row["details"]["size"] == [SIZE[1], SIZE[0]]
    with tifffile.TiffFile(album.out / "x/a.tiff") as tiff:
        described = json.loads(tiff.pages[0].description)["maskdepth"]
    assert row["details"]["scale"] == {"format": "tiff", "kind": described["kind"]}
    with Image.open(album.out / "previews/x/a.png") as preview:
        assert preview.width > 5 * preview.height / 3


def test_metric_depth_goes_in_and_comes_out_as_depth(album, maskdepth):
    _, blurred = album.add("a.jpg")
    maskdepth(*album.arguments("--format", "npy"))
    inverse = refined(album, "a")
    np.save(album.path("depths", "a.npy"), 1 / blurred)
    assert maskdepth(*album.arguments("--format", "npy", "--depth-kind", "depth")).code == 0
    np.testing.assert_allclose(refined(album, "a"), 1 / inverse, rtol=1e-4)


@pytest.mark.parametrize("given", ["masks", "instances"])
def test_two_objects_are_merged(album, maskdepth, given):
    album.add("a.jpg")
    left, right = disc((20, 12), 8), disc((20, 36), 8)
    truth = 1 + 3 * left + 5 * right
    blurred = cv2.GaussianBlur(truth, (0, 0), 1)
    np.save(album.path("depths", "a.npy"), blurred)
    (album.root / "masks" / "a.png").unlink()
    if given == "masks":
        album.write("masks", "a/0.png", (left * 255).astype(np.uint8))
        album.write("masks", "a/1.png", (right * 255).astype(np.uint8))
    else:
        album.write("masks", "a.png", (left + 2 * right).astype(np.uint8))
    arguments = album.arguments("--format", "npy", "--preview")
    arguments[arguments.index("--masks")] = f"--{given}"
    assert maskdepth(*arguments).code == 0
    error = np.abs(refined(album, "a") - truth)
    for half in (slice(0, 24), slice(24, 48)):
        assert error[:, half].mean() < 0.75 * np.abs(blurred - truth)[:, half].mean()


@pytest.mark.parametrize("value", [0, 255])
def test_an_empty_or_full_mask_gives_the_initial_depth(album, maskdepth, value):
    _, blurred = album.add("a.jpg")
    album.write("masks", "a.png", np.full(SIZE, value, np.uint8))
    ended = maskdepth(*album.arguments("--format", "npy", "--json", "--preview", "--layers"))
    assert ended.code == ExitCode.OK
    assert ended.rows["a.jpg"]["status"] == "done"
    words = {0: "mask is empty", 255: "mask covers the whole photo"}[value]
    assert ended.rows["a.jpg"]["message"].startswith(words)
    assert words in ended.err
    np.testing.assert_array_equal(refined(album, "a"), blurred)


def test_instances_that_are_too_small_give_the_initial_depth(album, maskdepth):
    _, blurred = album.add("a.jpg")
    ids = np.zeros(SIZE, np.uint8)
    ids[5:8, 5:8] = 1
    album.write("masks", "a.png", ids)
    arguments = album.arguments("--format", "npy", "--json")
    arguments[arguments.index("--masks")] = "--instances"
    ended = maskdepth(*arguments)
    assert "large enough" in ended.rows["a.jpg"]["message"]
    np.testing.assert_array_equal(refined(album, "a"), blurred)
    assert maskdepth(*arguments, "--min-instance-share", "0.001").rows["a.jpg"]["message"] == ""


def test_a_list_on_stdin(album, maskdepth, monkeypatch):
    for name in "abc":
        album.add(f"{name}.jpg")
    listed = "\n".join(str(album.root / "photos" / f"{name}.jpg") for name in "ac")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed.encode())))
    arguments = album.arguments()
    arguments[1] = "-"
    assert maskdepth(*arguments).code == ExitCode.OK
    assert sorted(album.files()) == ["a.tiff", "c.tiff"]


def test_one_photo_one_mask_one_depth(album, maskdepth):
    album.add("a.jpg")
    arguments = album.arguments()
    for folder, name in (("photos", "a.jpg"), ("masks", "a.png"), ("depths", "a.npy")):
        arguments[arguments.index(str(album.root / folder))] = str(album.root / folder / name)
    assert maskdepth(*arguments).code == ExitCode.OK
    assert sorted(album.files()) == ["a.tiff"]


def test_a_changed_mask_or_setting_is_done_again(album, maskdepth):
    album.add("a.jpg")
    album.add("b.jpg")
    maskdepth(*album.arguments())
    before = album.files()
    assert {r["status"] for r in maskdepth(*album.arguments("--json")).rows.values()} == {"skipped"}
    album.write("masks", "a.png", (disc((20, 20), 9) * 255).astype(np.uint8))
    rows = maskdepth(*album.arguments("--json")).rows
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.jpg": "done",
        "b.jpg": "skipped",
    }
    assert album.files()["a.tiff"] != before["a.tiff"]
    rows = maskdepth(*album.arguments("--json", "--keep", "none")).rows
    assert {row["status"] for row in rows.values()} == {"done"}
    rows = maskdepth(*album.arguments("--json", "--keep", "none", "--batch-size", "2")).rows
    assert {row["status"] for row in rows.values()} == {"skipped"}
    rows = maskdepth(*album.arguments("--json", "--keep", "none", "--overwrite")).rows
    assert {row["status"] for row in rows.values()} == {"done"}


def test_other_folders_within_the_input_are_not_photos(album, maskdepth, monkeypatch):
    album.add("a.jpg")
    album.path("photos", "a.jpg").rename(album.root / "a.jpg")
    monkeypatch.chdir(album.root)
    arguments = ["refine", ".", "--masks", "masks", "--depths", "depths"]
    arguments += ["--weights", str(album.weights), "--json"]
    for status in ("done", "skipped"):
        ended = maskdepth(*arguments)
        assert {name: row["status"] for name, row in ended.rows.items()} == {"a.jpg": status}
    assert (album.root / "refined" / "a.tiff").exists()


def faulty(album):
    """The folder of issue tickets: every kind of bad file among good ones."""
    expected = {}
    for name in ("good.jpg", "sub/good.png", "same.jpg", "same.png", "black.jpg"):
        album.add(name)
        expected[name] = "done"
    for name in ("truncated.jpg", "empty.png", "text.png", "wrong.jpg", "lonely.jpg"):
        album.add(name)
        expected[name] = "failed"
    photos = album.root / "photos"
    data = (photos / "truncated.jpg").read_bytes()
    (photos / "truncated.jpg").write_bytes(data[: len(data) // 2])
    (photos / "empty.png").write_bytes(b"")
    (photos / "text.png").write_text("this is no picture\n" * 20)
    album.write("masks", "wrong.png", np.full((40, 80), 255, np.uint8))
    (album.root / "masks" / "lonely.png").unlink()
    album.write("masks", "black.png", np.zeros(SIZE, np.uint8))
    album.write("masks", "nobody.png", np.zeros(SIZE, np.uint8))

    album.add("deep.png")
    rgba = np.random.default_rng(1).integers(0, 65536, (*SIZE, 4)).astype(np.uint16)
    album.write("photos", "deep.png", rgba)
    expected["deep.png"] = "done"

    # Stored lying; mask and depth are made as the photo is seen, upright.
    upright = (SIZE[1], SIZE[0])
    album.add("turned.jpg", upright)
    with Image.open(photos / "turned.jpg") as photo:
        exif = Image.Exif()
        exif[0x0112] = 6
        photo.transpose(Image.Transpose.ROTATE_90).save(photos / "turned.jpg", exif=exif)
    expected["turned.jpg"] = "done"
    return expected


def test_every_kind_of_bad_file_among_good_ones(album, maskdepth):
    expected = faulty(album)
    ended = maskdepth(*album.arguments("--format", "npy", "--json"))
    assert ended.code == ExitCode.SOME_FAILED
    assert {name: row["status"] for name, row in ended.rows.items()} == expected
    assert {name: row["status"] for name, row in album.records().items()} == expected
    assert sorted(album.files()) == [
        "black.npy",
        "deep.npy",
        "good.npy",
        "same.jpg.npy",
        "same.png.npy",
        "sub/good.npy",
        "turned.npy",
    ]
    reasons = {name: row["message"] for name, row in ended.rows.items()}
    assert "no mask for it" in reasons["lonely.jpg"]
    assert "the file is empty" in reasons["empty.png"]
    assert "not a JPEG, PNG" in reasons["text.png"]
    assert "truncated.jpg" in reasons["truncated.jpg"]
    assert "80x40" in reasons["wrong.jpg"]
    assert "mask is empty" in reasons["black.jpg"]
    for name in ("lonely.jpg", "empty.png", "text.png", "truncated.jpg", "wrong.jpg"):
        assert f"failed: {name}: " in ended.err
    assert "nobody.png" in ended.err
    np.testing.assert_array_equal(refined(album, "black"), np.load(album.root / "depths/black.npy"))
    assert refined(album, "turned").shape == (SIZE[1], SIZE[0])
    for name in ("turned", "good", "deep", "same.jpg"):
        change = refined(album, name) - np.load(
            album.root / f"depths/{name.removesuffix('.jpg')}.npy"
        )
        assert np.abs(change).max() > 0.5

    again = maskdepth(*album.arguments("--format", "npy", "--json"))
    assert again.code == ExitCode.SOME_FAILED
    assert {name: row["status"] for name, row in again.rows.items()} == {
        name: "skipped" if status == "done" else status for name, status in expected.items()
    }


def test_exit_codes_of_mistakes(album, maskdepth, tmp_path):
    album.add("a.jpg")
    cases = {
        ExitCode.USAGE: [
            ["refine", "nowhere", *album.arguments()[2:]],
            ["refine", "photos", "--depths", "depths"],
            album.arguments("--instances", str(album.root / "masks")),
            album.arguments("--format", "gif"),
            album.arguments("--device", "abacus"),
            album.arguments("--precision", "fp16"),
            album.arguments("--output", str(album.root / "photos")),
        ],
        ExitCode.NOTHING_TO_DO: [
            ["refine", str(album.path("none", "x").parent), *album.arguments()[2:]],
            album.arguments("--masks", str(album.path("none", "x").parent)),
        ],
        ExitCode.WEIGHTS: [
            album.arguments("--weights", "no-such-weights"),
            album.arguments("--weights", str(album.root / "masks" / "a.png")),
        ],
        ExitCode.OUTPUT: [
            album.arguments("--output", str(album.root / "masks" / "a.png")),
            album.arguments("--output", "/proc/nowhere"),
        ],
    }
    for code, runs in cases.items():
        for arguments in runs:
            ended = maskdepth(*arguments)
            assert (ended.code, arguments) == (code, arguments)
            assert ended.out == ""
            last = ended.err.strip().splitlines()[-1]
            assert len(last) > 10


def test_dry_run_tells_and_touches_nothing(album, maskdepth):
    expected = faulty(album)
    ended = maskdepth(*album.arguments("--dry-run", "--json"))
    assert ended.code == ExitCode.SOME_FAILED
    statuses = {name: row["status"] for name, row in ended.rows.items()}
    assert statuses == {name: "planned" for name in expected} | {"lonely.jpg": "failed"}
    assert not album.out.exists()


def test_names_that_are_no_text(album, maskdepth):
    name = os.fsdecode(b"caf\xe9\n'\".jpg")
    album.add("a.jpg")
    for folder, end in (("photos", ".jpg"), ("masks", ".png"), ("depths", ".npy")):
        album.path(folder, f"a{end}").rename(album.path(folder, name[:-4] + end))
    for status in ("done", "skipped"):
        ended = maskdepth(*album.arguments("--json"))
        assert {row["name"]: row["status"] for row in ended.rows.values()} == {name: status}
    assert Path(album.out, name[:-4] + ".tiff").exists()


def test_large_pictures_are_refused_unread(album, maskdepth):
    album.add("a.jpg")
    album.add("b.jpg", (20, 24))
    ended = maskdepth(*album.arguments("--json", "--max-megapixels", "0.001"))
    assert ended.code == ExitCode.SOME_FAILED
    assert {name: row["status"] for name, row in ended.rows.items()} == {
        "a.jpg": "failed",
        "b.jpg": "done",
    }
    assert "--max-megapixels" in ended.rows["a.jpg"]["message"]


def tilted(blurred):
    """Integers of a map, different in every pixel of a row."""
    return np.rint(blurred * 3000 + np.arange(blurred.shape[1]) * 7).astype(np.uint16)


@pytest.mark.parametrize("kind", ["inverse", "depth", "far"])
def test_integers_stay_in_their_codes(album, maskdepth, kind):
    """Bit for bit away from the mask, and between what they were near it, in every kind."""
    _, blurred = album.add("a.jpg")
    album.path("depths", "a.npy").unlink()
    codes = tilted(blurred if kind == "inverse" else 6 - blurred)
    codes[0, :7] = 0
    album.write("depths", "a.png", codes)
    ended = maskdepth(*album.arguments("--depth-kind", kind, "--unknown", "0", "--json"))
    assert (ended.code, ended.rows["a.jpg"]["message"]) == (ExitCode.OK, "")
    found = cv2.imread(str(album.out / "a.png"), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16
    changed = found != codes
    assert 0.02 < changed.mean() < 0.5
    away = np.hypot(*(np.mgrid[:40, :48] - np.array([20, 24])[:, None, None])) > 19
    np.testing.assert_array_equal(found[away], codes[away])
    assert (found[0, :7] == 0).all()
    assert codes[1:].min() <= found[1:].min() <= found.max() <= codes.max()
    scale = ended.rows["a.jpg"]["details"]["scale"]
    assert scale == {"format": "png16", "kind": kind, "offset": 0, "step": 1, "unknown": 0}


def test_floats_are_bit_for_bit_away_from_the_mask(album, maskdepth):
    _, blurred = album.add("a.jpg")
    metres = (7.3 / blurred).astype(np.float32)
    metres[:3] = 1e10  # a renderer's sky
    metres[0, 0] = -1
    np.save(album.path("depths", "a.npy"), metres)
    assert maskdepth(*album.arguments("--depth-kind", "depth")).code == ExitCode.OK
    found = tifffile.imread(album.out / "a.tiff")
    away = np.hypot(*(np.mgrid[:40, :48] - np.array([20, 24])[:, None, None])) > 19
    np.testing.assert_array_equal(found[away], metres[away])
    assert (found != metres).any()


def test_a_map_that_is_no_metric_depth_is_said_to_be_none(album, maskdepth):
    _, blurred = album.add("a.jpg")
    album.path("depths", "a.npy").unlink()
    relative = (5.5 - blurred) / 4.5  # black is near
    album.write("depths", "a.png", (np.clip(relative, 0.12, 1) * 255).astype(np.uint8))
    said = maskdepth(*album.arguments("--depth-kind", "depth", "--json")).rows["a.jpg"]["message"]
    assert "256 levels are no metric depth" in said
    assert "--depth-kind far" in said
    codes = (np.clip(relative - 0.13, 0, 1) * 60000).astype(np.uint16)
    album.write("depths", "a.png", codes)
    said = maskdepth(*album.arguments("--depth-kind", "depth", "--json")).rows["a.jpg"]["message"]
    assert "% of what is masked has no distance above 0" in said
    assert (
        maskdepth(*album.arguments("--depth-kind", "far", "--json")).rows["a.jpg"]["message"] == ""
    )
    assert maskdepth(*album.arguments("--json")).rows["a.jpg"]["message"] == ""


def test_values_clipped_by_a_16_bit_file_are_counted(album, maskdepth):
    album.add("a.jpg")
    arguments = album.arguments("--format", "png16", "--json", "--png-range")
    row = maskdepth(*arguments, "0,5").rows["a.jpg"]
    assert (row["message"], row["details"]["scale"]["step"]) == ("", 5 / 65535)
    row = maskdepth(*arguments, "2,8").rows["a.jpg"]
    assert row["status"] == "failed"
    assert "lie outside of 2 to 8" in row["message"]
    row = maskdepth(*arguments, "0,4").rows["a.jpg"]
    count = row["details"]["scale"]["clipped"]
    assert row["message"].startswith(f"{count} pixels lie beyond the codes of 16 bits")
    assert 100 < count < 48 * 40 / 2
    for wrong in ("1", "3,2", "a,b"):
        assert maskdepth(*arguments, wrong).code == ExitCode.USAGE


@pytest.mark.parametrize("kind", ["inverse", "depth", "far"])
def test_commands_over_a_run_read_what_it_kept(album, maskdepth, kind):
    """Kind, scale and the code of unknown pixels come from the file or the manifest."""
    _, blurred = album.add("a.jpg")
    album.path("depths", "a.npy").unlink()
    codes = tilted(blurred if kind == "inverse" else 6 - blurred)
    codes[:4] = 65535
    album.write("depths", "a.png", codes)
    more = ("--depth-kind", kind, "--unknown", "65535")
    for format in ("keep", "npy"):
        assert maskdepth(*album.arguments(*more, "--format", format, "--layers")).code == 0
        out = str(album.out)
        for command in ("gallery", "bokeh", "export"):
            target = ["-o", str(album.root / f"{command}-{format}")] if command != "gallery" else []
            ended = maskdepth(command, out, *target)
            assert ended.code == ExitCode.OK, (command, format, ended.err)
        suffix = {"keep": "png"}.get(format, format)
        near = [] if kind == "depth" else ["--near", "1", "--far", "4"]
        depth = str(album.out / f"a.{suffix}")
        cloud = ["pointcloud", str(album.root / "photos/a.jpg"), depth, *more, *near]
        ended = maskdepth(*cloud, "-o", str(album.root / "a.ply"))
        assert ended.err.strip().endswith(f"{36 * 48} points")
    layers = tifffile.imread(album.root / "export-keep/a.tiff", key=2)
    kept = cv2.imread(str(album.root / "export-keep/../out/a.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(layers[4:], kept[4:], rtol=1e-6)
    assert np.isnan(layers[:4]).all()
