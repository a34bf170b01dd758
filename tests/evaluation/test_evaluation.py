import csv
import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import trees

from maskdepth_cli.datasets.catalog import open_dataset
from maskdepth_cli.datasets.samples import DepthDataset, Frame
from maskdepth_cli.errors import (
    ExitCode,
    InputFileError,
    NothingToDoError,
    UsageError,
    WeightsError,
)
from maskdepth_cli.evaluation import methods as evaluation_methods
from maskdepth_cli.evaluation import report as evaluation_report
from maskdepth_cli.evaluation import tables as evaluation_tables
from maskdepth_cli.evaluation.degradation import Degradation
from maskdepth_cli.evaluation.initial_depth import DepthMaps, initial_folder
from maskdepth_cli.evaluation.methods import Method, make_method, parse_methods
from maskdepth_cli.evaluation.published import ARRANGEMENTS
from maskdepth_cli.evaluation.scoring import EvaluationSettings, Row, evaluate_method
from maskdepth_cli.evaluation.stages import EvaluateRequest, Evaluation, Result, evaluate, slug
from maskdepth_cli.methods.baselines import LayeredPropagation
from maskdepth_cli.metrics.scores import Scores
from maskdepth_cli.run.options import RunOptions

CPU = {"device": "cpu"}


def inverse(shift=0):
    """The true map of `trees.generic`, the box `shift` pixels to the right."""
    return np.roll(np.round(60000 / trees.metric_depth()), shift, axis=1).astype(np.uint16)


@pytest.fixture
def scene(tmp_path):
    """A set of two frames, and initial maps whose box is one pixel off."""
    trees.generic(tmp_path / "set")
    for name in ("a", "b"):
        trees.write(tmp_path / f"initial/{name}.png", inverse(1))
    return tmp_path


def request(scene, *methods, **changes):
    dataset = open_dataset("generic", scene / "set")
    chosen, _ = parse_methods(methods or ("layered-nearest",), CPU)
    return EvaluateRequest(dataset, tuple(chosen), scene / "initial", **changes)


def run(scene, *methods, **changes):
    options = RunOptions(scene / "out", quiet=True)
    return evaluate(request(scene, *methods, **changes), options)


# One method, in memory


def test_evaluate_method_on_a_shifted_box(scene):
    dataset = open_dataset("generic", scene / "set")
    initial = DepthMaps.of(dataset, scene / "initial")
    rows, summary = evaluate_method(dataset, LayeredPropagation("nearest"), initial)
    assert [row.name for row in rows] == ["a", "b"]
    # The nearest fill repairs the box, but not what lies outside of the instance's reach.
    assert summary.estimates["mbe"].value == pytest.approx(0, abs=1e-6)
    assert summary.estimates["r3"].value == math.inf
    assert summary.worse_mbe == 0
    _, before = evaluate_method(dataset, None, initial)
    assert before.estimates["mbe"].value > 0.1
    assert math.isnan(before.estimates["r3"].value)


def test_small_instances_neither_guide_nor_count(scene):
    dataset = open_dataset("generic", scene / "set")
    initial = DepthMaps.of(dataset, scene / "initial")
    share = (trees.instance_ids() > 0).mean()
    settings = EvaluationSettings(min_instance_share=share)
    method = LayeredPropagation("nearest", min_instance_share=share)
    rows, summary = evaluate_method(dataset, method, initial, settings)
    assert math.isnan(summary.estimates["mbe"].value)
    assert rows[0].scores.improved == 0


# Initial depth


def test_maps_are_found_by_frame_and_brought_to_its_size(scene):
    dataset = open_dataset("generic", scene / "set")
    (scene / "initial/b.png").unlink()
    trees.write(scene / "initial/a.png", np.kron(inverse(1), np.ones((2, 2), np.uint16)))
    maps = DepthMaps.of(dataset, scene / "initial")
    sample = dataset[0]
    np.testing.assert_array_equal(maps(sample), inverse(1))
    with pytest.raises(InputFileError, match="no map named b"):
        maps(dataset[1])


def test_a_folder_without_maps_says_what_is_expected(scene):
    dataset = open_dataset("generic", scene / "set")
    (scene / "empty").mkdir()
    with pytest.raises(NothingToDoError, match=r"for example a\.png"):
        DepthMaps.of(dataset, scene / "empty")


def test_folders_are_told_from_networks(tmp_path):
    assert initial_folder(str(tmp_path)) == tmp_path
    assert initial_folder("dpt-large") is None
    assert initial_folder(None) is None
    assert initial_folder("hf:org/name") is None
    with pytest.raises(NothingToDoError, match="no such folder"):
        initial_folder(str(tmp_path / "missing"))


# Methods


def test_options_of_methods():
    method = make_method("layered-propagation:kernel=7,radius=3", CPU)
    assert method.label == "layered-propagation (kernel 7, radius 3)"
    assert method.load() == LayeredPropagation("telea", kernel=7, radius=3)
    assert make_method("wmf:9", CPU).load().kernel == 9  # the first option needs no name
    shared = make_method("wmf", {"min_instance_share": 0.2}).load()
    assert shared.min_instance_share == 0.2
    files = make_method("files:some/dir,kind=depth", CPU)
    assert (files.maps, files.maps_kind) == (Path("some/dir"), "depth")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "not known; there are initial, ours"),
        ("wmf:kernel=4", "odd number"),
        ("wmf:kernel=x", "kernel=x"),
        ("wmf:size=3", "no option 'size'; there are kernel, sigma"),
        ("guided:epsilon=0", "above 0"),
        ("ours:w,keep=all", "band or none"),
        ("files", "files:DIR"),
        ("files:d,kind=disparity", "inverse or depth"),
    ],
)
def test_bad_methods_are_refused_in_one_line(text, message):
    with pytest.raises(UsageError, match=message) as refused:
        make_method(text, CPU)
    assert "\n" not in str(refused.value)


def test_missing_weights_fail_where_named_and_are_noted_otherwise(monkeypatch):
    nowhere = {
        name: None if name == "ours-stage2" else "no-such-weights"
        for name in evaluation_methods.NETWORKS
    }
    monkeypatch.setattr(evaluation_methods, "NETWORKS", nowhere)
    with pytest.raises(WeightsError):
        make_method("layered-ours", CPU)
    with pytest.raises(WeightsError, match="ours-stage2:FILE"):
        make_method("ours-stage2", CPU)
    methods, notes = parse_methods(("all",), CPU)
    assert [method.label for method in methods] == [
        "initial",
        "layered-propagation",
        "layered-nearest",
        "bmf",
        "guided",
        "wmf",
    ]
    assert len(notes) == 4
    assert all("\n" not in note for note in notes)


def test_the_same_method_twice_is_refused_and_variants_are_not():
    with pytest.raises(UsageError, match="given twice"):
        parse_methods(("wmf", "wmf"), CPU)
    methods, _ = parse_methods(("wmf", "wmf:kernel=9", "initial"), CPU)
    assert [method.label for method in methods] == ["initial", "wmf", "wmf (kernel 9)"]


def test_names_of_folders_are_short_and_apart():
    assert slug("wmf (kernel 9), masks: dilate 4") == "wmf_kernel_9_masks_dilate_4"
    long = [slug(f"ours (/{'deep/' * 60}{name})") for name in "ab"]
    assert len(set(long)) == 2
    assert max(map(len, long)) <= 120


# The whole run


def test_all_classical_methods_and_maps_from_elsewhere(scene):
    for name in ("a", "b"):
        trees.write(scene / f"mine/{name}.png", inverse(0))
    methods = ("layered-propagation", "layered-nearest", "bmf", "guided", "wmf")
    evaluation, code = run(scene, *methods, f"files:{scene / 'mine'}")
    assert code is ExitCode.OK
    assert evaluation.frames == ["a", "b"]
    labels = [result.method.label for result in evaluation.results]
    assert labels == ["initial", *methods, f"files ({scene / 'mine'})"]
    perfect = evaluation.results[-1].rows["a"].scores
    assert perfect.mbe == pytest.approx(0, abs=1e-9)
    assert perfect.improved > 0
    assert perfect.worsened == 0
    dataset = open_dataset("generic", scene / "set")
    initial = DepthMaps.of(dataset, scene / "initial")
    expected, _ = evaluate_method(dataset, LayeredPropagation(), initial)
    assert evaluation.results[1].rows["b"].scores == expected[1].scores


def count_refinements(monkeypatch):
    calls = []
    refine = LayeredPropagation.refine_instances

    def counted(self, *arguments):
        calls.append(self.kernel)
        return refine(self, *arguments)

    monkeypatch.setattr(LayeredPropagation, "refine_instances", counted)
    return calls


def test_a_second_run_takes_rows_over(scene, monkeypatch):
    calls = count_refinements(monkeypatch)
    first, _ = run(scene)
    second, _ = run(scene)
    assert calls == [5, 5]
    assert second.results[1].rows == first.results[1].rows
    # One more method: only that one is computed.
    run(scene, "layered-nearest", "layered-nearest:7")
    assert calls == [5, 5, 7, 7]


@pytest.mark.parametrize("change", ["initial", "truth", "settings"])
def test_what_changed_is_computed_again(scene, monkeypatch, change):
    run(scene)
    calls = count_refinements(monkeypatch)
    changes = {}
    if change == "initial":
        trees.write(scene / "initial/a.png", inverse(2))
    elif change == "truth":
        trees.write(scene / "set/depth/a.png", inverse(0) + np.uint16(3))
    else:
        changes["settings"] = EvaluationSettings(min_instance_share=0.02)
    run(scene, **changes)
    assert len(calls) == (2 if change == "settings" else 1)


def test_an_interrupted_run_goes_on(scene, monkeypatch):
    """A kill after the first frame leaves its row; only the other one is computed again."""
    limited = request(scene)
    limited = EvaluateRequest(limited.dataset.limited(1), limited.methods, limited.initial)
    evaluate(limited, RunOptions(scene / "out", quiet=True))
    calls = count_refinements(monkeypatch)
    evaluation, _ = run(scene)
    assert len(calls) == 1
    assert evaluation.frames == ["a", "b"]


def test_a_corrupt_frame_is_left_out_for_all_methods_and_counted(scene, capsys):
    (scene / "set/depth/a.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    evaluation, code = run(scene, "layered-nearest", "bmf")
    assert code is ExitCode.SOME_FAILED
    assert evaluation.frames == ["b"]
    assert list(evaluation.failed) == ["a"]
    assert "a.png" in evaluation.failed["a"]
    assert capsys.readouterr().err.count("a.png") == 1  # told once, not once a method
    table = evaluation_tables.comparison(evaluation)
    assert "1 of 2 frames failed and are left out." in table.notes
    report = json.loads(evaluation_report.to_json(evaluation))
    assert report["frames"] == {"all": 2, "compared": 1}
    assert report["failed"][0]["frame"] == "a"


def test_a_frame_that_one_method_lacks_is_left_out_of_the_comparison(scene):
    trees.write(scene / "mine/b.png", inverse(0))
    evaluation, code = run(scene, "layered-nearest", f"files:{scene / 'mine'}")
    assert code is ExitCode.SOME_FAILED
    assert evaluation.frames == ["b"]
    assert "no map named a" in evaluation.failed["a"]


def test_no_frame_at_all_can_be_read(scene):
    for path in (scene / "set/depth").iterdir():
        path.write_bytes(b"damaged")
    evaluation, code = run(scene)
    assert code is ExitCode.SOME_FAILED
    assert evaluation.frames == []
    table = evaluation_tables.comparison(evaluation)
    assert {row.values[1] is None or math.isnan(row.values[1]) for row in table.rows} == {True}
    evaluation_tables.show(table)
    json.loads(evaluation_report.to_json(evaluation))
    assert evaluation_report.to_csv(evaluation) == ""


def test_figures_are_drawn_and_drawn_again_if_they_are_gone(scene):
    figures = scene / "figures"
    run(scene, figures=figures)
    drawn = sorted(path.relative_to(figures).as_posix() for path in figures.rglob("*.png"))
    assert drawn == ["layered-nearest/a.png", "layered-nearest/b.png"]
    (figures / drawn[0]).unlink()
    run(scene, figures=figures)
    assert (figures / drawn[0]).exists()


def test_degraded_masks_guide_but_the_metrics_keep_the_true_ones(scene):
    steps = (Degradation("dilate", 4),)
    evaluation, _ = run(scene, "layered-nearest", "bmf", degradations=steps)
    found = [(result.method.label, result.masks) for result in evaluation.results]
    # What masks do not guide needs no second run.
    assert found == [
        ("initial", ""),
        ("layered-nearest", ""),
        ("bmf", ""),
        ("layered-nearest", "dilate 4"),
    ]
    good, bad = (evaluation.results[i].rows["a"].scores for i in (1, 3))
    assert bad.mbe > good.mbe
    assert bad.pixels == good.pixels


class StandIn:
    """A depth network that knows the brightness of a photo only."""

    def predict_many(self, images):
        return [image.mean(axis=2) for image in images]


def test_predicted_initial_depth_is_kept_and_not_predicted_again(scene, monkeypatch):
    from maskdepth_cli.side.choice import SideChoice

    loads = []
    monkeypatch.setattr(SideChoice, "load", lambda *_, **__: loads.append(1) or StandIn())
    monkeypatch.setattr(SideChoice, "decisive", lambda *_: {"side": "stand-in"})
    asked = request(scene)
    asked = EvaluateRequest(asked.dataset, asked.methods, None)
    options = RunOptions(scene / "out", quiet=True)
    evaluation, code = evaluate(asked, options)
    assert code is ExitCode.OK
    assert sorted(path.name for path in (scene / "out/initial").iterdir()) == ["a.tiff", "b.tiff"]
    kept = DepthMaps.of(asked.dataset, scene / "out/initial")
    np.testing.assert_allclose(kept(asked.dataset[0]), asked.dataset[0].image.mean(axis=2))
    again, _ = evaluate(asked, options)
    assert loads == [1]
    assert again.results[0].rows == evaluation.results[0].rows


@pytest.mark.parametrize("name", ["tartanair", "tartanair2", "hypersim"])
def test_public_sets_go_through_the_whole_run(tmp_path, name):
    root = {
        "tartanair": trees.tartanair1,
        "tartanair2": trees.tartanair2,
        "hypersim": trees.hypersim,
    }[name](tmp_path / "set")
    dataset = open_dataset(name, root)
    for sample in dataset:
        known = np.where(sample.valid, sample.depth, 0)
        path = tmp_path / f"initial/{sample.name}.npy"
        trees.write(path, np.roll(known, 1, axis=1).astype(np.float32))
    if len(dataset) > 1:
        broken = dataset.frames[0].path("depth")
        broken.write_bytes(broken.read_bytes()[:150])
    methods, _ = parse_methods(("layered-nearest",), CPU)
    asked = EvaluateRequest(dataset, tuple(methods), tmp_path / "initial")
    evaluation, code = evaluate(asked, RunOptions(tmp_path / "out", quiet=True))
    lost = int(len(dataset) > 1)
    assert len(evaluation.frames) == len(dataset) - lost
    assert len(evaluation.failed) == lost
    assert code is (ExitCode.SOME_FAILED if lost else ExitCode.OK)
    last = evaluation.frames[-1]
    before, after = (result.rows[last].scores for result in evaluation.results)
    assert after.mbe < before.mbe


# Tables and reports, on made-up scores


def method(name, label=None):
    return Method(name, label or name)


def made_up(values, paper_set=None, initial="somewhere", frames=2):
    """Results with the given MBE of each method on every frame."""
    names = [f"f{index}" for index in range(frames)]
    sources = tuple(Frame(name, Path(name), (), lambda frame: None) for name in names)
    dataset = DepthDataset("generic", "made up", sources, paper_set=paper_set)
    results = tuple(
        Result(
            method(name),
            "",
            {
                frame: Row(frame, name, Scores(10 * (name != "initial"), 0, mbe=mbe), 0.5)
                for frame in names
            },
        )
        for name, mbe in values.items()
    )
    return Evaluation(dataset, initial, EvaluationSettings(), results, {})


def test_the_best_are_those_that_print_best():
    table = evaluation_tables.comparison(
        made_up({"initial": 0.3, "ours": 0.10001, "wmf": 0.10004, "bmf": 0.2})
    )
    column = table.metrics.index("mbe")
    assert {row for row, c in table.best() if c == column} == {1, 2}
    markdown = evaluation_tables.to_markdown(table)
    assert markdown.count("**0.1000**") == 2
    assert "| initial | - | 0.3000 |" in markdown
    assert "**inf**" in markdown


def test_intervals_are_printed_on_demand():
    table = evaluation_tables.comparison(made_up({"initial": 0.3, "ours": 0.1}))
    assert "(0.1000–0.1000)" in evaluation_tables.to_markdown(table, intervals=True)
    assert "–" not in evaluation_tables.to_markdown(table)


def test_table_on_the_terminal(capsys):
    table = evaluation_tables.comparison(made_up({"initial": 0.3, "our[bold]s": 0.1}))
    evaluation_tables.show(table)
    printed = capsys.readouterr().out
    assert "our[bold]s" in printed  # names are not markup
    assert "0.1000" in printed
    assert "MBE ↓" in printed
    assert "Masks:" in printed


def test_paper_table_puts_published_figures_beside_ours_where_the_data_is_the_same():
    values = {"initial": 0.0973, "bmf": 0.3, "ours": 0.09, "layered-propagation": 0.1}
    same = made_up(values, "hypersim", "midas-v2.1")
    table = evaluation_tables.paper_table(same, 1)
    labels = [row.label for row in table.rows]
    assert labels == [
        "initial depth",
        "initial depth, published",
        "+ direct-composite, published",
        "+ layered-propagation",
        "+ layered-propagation, published",
        "+ layered-ours, published",
        "+ ours",
        "+ ours, published",
        "bmf",
    ]
    published = table.rows[labels.index("+ ours, published")]
    assert published.values == (5.209, 0.0906, 1.888, 5.931, 0.1481, 0.0958)
    assert not {row for row, _ in table.best()} & {
        i for i, r in enumerate(table.rows) if r.published
    }
    assert "Published" not in " ".join(table.notes)


@pytest.mark.parametrize(
    ("number", "changes", "reason"),
    [
        (1, {"initial": "midas-v2.1"}, "the frames are not the paper's"),
        (1, {"paper_set": "tartanair", "initial": "lite"}, "not of dpt-large or midas-v2.1"),
        (3, {"paper_set": "hypersim", "initial": "midas-v2.1"}, "not of dpt-large"),
        (3, {"paper_set": "tartanair", "initial": "dpt-large"}, "has none for tartanair"),
    ],
)
def test_published_figures_are_left_out_elsewhere(number, changes, reason):
    table = evaluation_tables.paper_table(made_up({"initial": 0.3, "ours": 0.1}, **changes), number)
    assert not any(row.published for row in table.rows)
    assert reason in table.notes[-1]


def test_published_tables_have_the_papers_rows():
    counts = {
        number: [len(rows) for rows in arrangement.figures.values()]
        for number, arrangement in ARRANGEMENTS.items()
    }
    assert counts == {1: [5, 6, 5, 6], 2: [4, 4, 4, 4], 3: [5]}
    assert ARRANGEMENTS[2].figures["tartanair", "dpt-large"]["boosting"][1] == 0.0496
    assert ARRANGEMENTS[3].figures["hypersim", "dpt-large"]["ours"] == (4.455, 0.0840, 1.491, 5.087)
    for arrangement in ARRANGEMENTS.values():
        for rows in arrangement.figures.values():
            assert {len(figures) for figures in rows.values()} == {len(arrangement.metrics)}


def test_json_holds_settings_summaries_and_rows():
    report = json.loads(evaluation_report.to_json(made_up({"initial": 0.3, "ours": 0.1})))
    assert report["settings"]["metrics"]["r3_threshold"] == 0.05
    initial, ours = report["methods"]
    assert initial["r3"]["value"] is None
    assert ours["r3"]["value"] == "inf"
    assert ours["mbe"]["value"] == pytest.approx(0.1)
    assert ours["mbe"]["low"] == pytest.approx(0.1)
    assert ours["rmse"]["value"] is None
    assert [(row["frame"], row["method"]) for row in report["rows"]] == [
        ("f0", "initial"),
        ("f0", "ours"),
        ("f1", "initial"),
        ("f1", "ours"),
    ]


def test_csv_has_a_row_per_frame_and_method():
    text = evaluation_report.to_csv(made_up({"initial": 0.3, "ours": 0.1}))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 4
    assert rows[1]["method"] == "ours"
    assert float(rows[1]["mbe"]) == 0.1
    assert rows[1]["r3"] == "inf"
    assert rows[0]["r3"] == rows[0]["rmse"] == ""


def test_charts_of_degraded_masks(scene, monkeypatch):
    steps = tuple(Degradation(kind, 2) for kind in ("dilate", "erode", "coarsen", "wander"))
    monkeypatch.setattr(evaluation_report, "STEPS", steps)
    evaluation, _ = run(scene, degradations=steps)
    paths = evaluation_report.write_charts(evaluation, scene / "charts")
    assert {path.name for path in paths} >= {"degraded_MBE.png", "degraded_R3.png"}
    assert all(path.stat().st_size > 1000 for path in paths)


def test_without_scipy_it_ends_before_any_work(scene, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    with pytest.raises(UsageError, match="evaluation needs scipy"):
        run(scene)
    assert not (scene / "out").exists()
