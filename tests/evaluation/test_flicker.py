"""The temporal change of the error: closed forms, and its column beside the others."""

from __future__ import annotations

import csv
import math

import cv2
import numpy as np
import pytest

from maskdepth_cli.__main__ import main
from maskdepth_cli.datasets.catalog import open_dataset
from maskdepth_cli.errors import ExitCode
from maskdepth_cli.evaluation.flicker import flicker
from maskdepth_cli.evaluation.methods import parse_methods
from maskdepth_cli.evaluation.report import to_csv
from maskdepth_cli.evaluation.scoring import EvaluationSettings
from maskdepth_cli.evaluation.stages import EvaluateRequest, evaluate
from maskdepth_cli.run.options import RunOptions

SIZE = (96, 128)
BAND = 0.03


def photo(shift=0, seed=0):
    """RGB in [0, 1] of a texture, moved to the right by so many pixels."""
    noise = np.random.default_rng(seed).random((SIZE[0], SIZE[1] + 40)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return np.repeat(smooth[:, 20 - shift : 20 - shift + SIZE[1], None], 3, axis=2)


def half(edge=64):
    mask = np.zeros(SIZE, np.float32)
    mask[:, edge:] = 1
    return mask


def still(change):
    errors = np.zeros((2, *SIZE))
    errors[0] += change
    return flicker((photo(), photo()), tuple(errors), [half()], BAND)


def test_a_change_of_all_errors_is_the_flicker_and_a_lasting_error_is_none():
    assert still(0.25) == pytest.approx(0.25, abs=1e-6)
    assert still(-0.25) == pytest.approx(0.25, abs=1e-6)
    errors = (np.full(SIZE, 0.3), np.full(SIZE, 0.3))
    assert flicker((photo(), photo()), errors, [half()], BAND) == pytest.approx(0, abs=1e-6)


def test_only_the_band_counts():
    """Reach 0.03 * 128 = 3.84 pixels around an outline of 4 columns: far from there is nothing."""
    change = np.zeros(SIZE)
    change[:, :50] = change[:, 78:] = 1
    assert still(change) == 0
    change[:, 64] = 1
    assert 0.05 < still(change) < 0.15  # one of 10 to 12 columns


def test_an_error_that_moves_with_the_photo_is_none():
    error = np.zeros(SIZE)
    error[:, 60:66] = 0.5
    moved = np.roll(error, 3, axis=1)
    photos = photo(3), photo(0)
    there = flicker(photos, (moved, error), [half(66)], BAND)
    stays = flicker(photos, (error, error), [half(66)], BAND)
    assert there < 0.1 * stays


def test_where_nothing_can_be_said_it_is_not_a_number():
    errors = (np.zeros(SIZE), np.zeros(SIZE))
    assert math.isnan(flicker((photo(), photo(seed=5)), errors, [half()], BAND))  # another scene
    assert math.isnan(flicker((photo(), photo()), errors, [], BAND))
    unknown = (np.full(SIZE, np.nan), np.zeros(SIZE))
    assert math.isnan(flicker((photo(), photo()), unknown, [half()], BAND))
    small = (photo()[:50], photo())
    assert math.isnan(flicker(small, errors, [half()], BAND))


@pytest.fixture
def clip(tmp_path):
    """Four frames that stand still; every other initial map spills over the object's edge."""
    mask = half()
    depth = np.rint(10000 + 40000 * mask + 50 * np.arange(SIZE[1])).astype(np.uint16)
    spilt = depth.copy()
    spilt[:, 62:64] += 40000
    for index in range(4):
        initial = spilt if index % 2 else depth
        for folder, values in (
            ("rgb", np.rint(255 * photo())),
            ("masks", 255 * mask),
            ("depth", depth),
            ("initial", initial),
            ("steady", depth),
        ):
            (tmp_path / folder).mkdir(exist_ok=True)
            kind = np.uint16 if values.dtype == np.uint16 else np.uint8
            cv2.imwrite(str(tmp_path / folder / f"f{index}.png"), values.astype(kind))
    return tmp_path


def test_every_method_has_its_flicker(clip):
    dataset = open_dataset("generic", clip)
    methods, _ = parse_methods([f"files:{clip / 'steady'}", "layered-nearest:5"], {"device": "cpu"})
    request = EvaluateRequest(
        dataset, tuple(methods), clip / "initial", settings=EvaluationSettings(clip=True)
    )
    evaluation, code = evaluate(request, RunOptions(clip / "out", quiet=True))
    assert code is ExitCode.OK
    found = {
        result.method.name: [row.scores.flicker for _, row in sorted(result.rows.items())]
        for result in evaluation.results
    }
    for values in found.values():
        assert math.isnan(values[0])  # the first frame follows none
    # 2 of 11 or 12 columns of the band err by 0.8 or so of the range, then by 0.
    for value in found["initial"][1:]:
        assert 0.05 < value < 0.25
    np.testing.assert_allclose(found["files"][1:], 0, atol=1e-6)
    header = next(csv.reader(to_csv(evaluation).splitlines()))
    assert "flicker" in header


def ended(monkeypatch, *arguments):
    """Run the command; return its exit code."""
    monkeypatch.setattr("sys.argv", ["maskdepth", "evaluate", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_without_the_option_there_is_no_such_column(clip, capsys, monkeypatch):
    given = ("--root", clip, "-m", f"files:{clip / 'steady'}", "--initial", clip / "initial")
    assert ended(monkeypatch, *given) == 0
    assert "flicker" not in capsys.readouterr().out
    assert ended(monkeypatch, *given, "--clip", "--markdown", "-") == 0
    assert "flicker" in capsys.readouterr().out


def test_maps_of_a_clip_are_given(clip, capsys, monkeypatch):
    assert ended(monkeypatch, "--root", clip, "--clip", "--initial", "lite") == 2
    assert "--initial" in capsys.readouterr().err
