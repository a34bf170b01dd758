from __future__ import annotations

import json

import numpy as np
import pytest
import trees


@pytest.fixture
def scene(tmp_path):
    """A set of two frames, and initial maps whose box is one pixel off."""
    trees.generic(tmp_path / "set")
    shifted = np.roll(np.round(60000 / trees.metric_depth()), 1, axis=1)
    for name in ("a", "b"):
        trees.write(tmp_path / f"initial/{name}.png", shifted.astype(np.uint16))
    return tmp_path


@pytest.fixture
def evaluate(scene, maskdepth):
    def run(*arguments):
        fixed = ["--root", scene / "set", "--initial", scene / "initial", "--device", "cpu"]
        return maskdepth("evaluate", *map(str, [*fixed, *arguments]))

    return run


def test_table_of_networks_and_classical_methods(evaluate, weights):
    ended = evaluate("-m", f"ours:{weights}", "-m", f"layered-ours:{weights}", "-m", "bmf")
    assert ended.code == 0
    for word in ("initial", "ours (", "layered-ours (", "bmf", "MBE ↓", "2 frames"):
        assert word in ended.out
    assert ended.err == ""  # not a terminal: no bar


def test_a_method_of_ones_own_stands_beside_the_others(evaluate, scene):
    code = "class Same:\n    def refine(self, image, depth, mask):\n        return depth\n"
    (scene / "mine.py").write_text(code)
    ended = evaluate("-m", "wmf", "-m", f"{scene / 'mine.py'}:Same", "--json", "-")
    assert ended.code == 0
    initial, wmf, same = json.loads(ended.out)["methods"]
    assert [row["method"] for row in (initial, wmf, same)] == ["initial", "wmf", "mine.Same"]
    assert same["mbe"] == initial["mbe"] != wmf["mbe"]
    assert evaluate("-m", f"{scene / 'mine.py'}:Other").code == 2


def test_reports_stay_in_the_output_folder(evaluate, scene):
    ended = evaluate("-m", "wmf", "-o", scene / "out")
    assert ended.code == 0
    report = json.loads((scene / "out/report.json").read_text())
    assert [row["method"] for row in report["methods"]] == ["initial", "wmf"]
    assert len((scene / "out/rows.csv").read_text().splitlines()) == 1 + 4
    assert (scene / "out/report.md").read_text().startswith("**set: 2 frames")


def test_json_on_stdout_is_nothing_but_json(evaluate):
    ended = evaluate("-m", "bmf", "--json", "-")
    assert json.loads(ended.out)["frames"]["compared"] == 2


def test_paper_table_limit_and_settings(evaluate):
    ended = evaluate("-m", "bmf", "--table", "2", "--limit", "1", "--set", "r3_threshold=9")
    assert "As Table 2 of the paper" in ended.out
    assert "+ BMF" in ended.out
    assert "1 frame," in ended.out
    assert "Published figures are left out" in ended.out


def test_masks_from_depth_are_said_in_the_report(evaluate):
    assert "discontinuities" in evaluate("-m", "bmf", "--masks", "from-depth").out


def test_degraded_masks_are_plotted(evaluate, scene):
    ended = evaluate("-m", "layered-nearest", "--degrade-masks", "-o", scene / "out")
    assert ended.code == 0
    assert (scene / "out/degraded_MBE.png").exists()
    assert "layered-nearest, coarsen 16" in ended.out


def test_a_corrupt_frame_is_told_and_counted(evaluate, scene):
    (scene / "set/depth/a.png").write_bytes(b"no picture")
    ended = evaluate("-m", "bmf")
    assert ended.code == 1
    assert ended.err.count("failed: a:") == 1
    assert "1 of 2 frames failed" in ended.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-m", "ours:missing.safetensors"], 4, "missing.safetensors"),
        (["-m", "nonsense"], 2, "not known"),
        (["--set", "nonsense=1"], 2, "no setting"),
        (["--set", "whdr_pairs=many"], 2, "int expected"),
        (["--degrade-masks"], 2, "--output"),
        (["--dataset", "tartanair"], 3, "download"),
        (["--initial", "no/such/folder"], 3, "no such folder"),
        (["--initial", "no-such-model"], 4, "no-such-model"),
        (["--table", "4"], 2, "--table"),
    ],
)
def test_mistakes_end_in_one_line_and_their_code(evaluate, arguments, code, message):
    ended = evaluate(*arguments)
    assert ended.code == code
    assert message in ended.err


def test_weights_of_the_wrong_kind_are_refused(evaluate, weights):
    ended = evaluate("-m", f"direct-composite:{weights}")
    assert ended.code == 4
    assert "predicts layers" in ended.err
