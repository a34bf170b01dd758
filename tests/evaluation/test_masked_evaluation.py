"""Sets with files of masks: the columns by region, and who has layers."""

import json
import math

import cv2
import numpy as np
import pytest
import trees
from scipy import ndimage

from maskdepth_cli.datasets.catalog import open_dataset
from maskdepth_cli.errors import ExitCode
from maskdepth_cli.evaluation.initial_depth import DepthMaps
from maskdepth_cli.evaluation.methods import parse_methods
from maskdepth_cli.evaluation.report import to_csv, to_json
from maskdepth_cli.evaluation.scoring import evaluate_method
from maskdepth_cli.evaluation.stages import EvaluateRequest, evaluate
from maskdepth_cli.evaluation.tables import comparison
from maskdepth_cli.methods.baselines import LayeredPropagation
from maskdepth_cli.run.options import RunOptions

HEIGHT, WIDTH = 96, 128
REGIONS = ("holes", "hair", "rest", "hidden")
OWN = """
from maskdepth_cli import RefinedDepth
import numpy as np
class Map:
    def refine(self, image, depth, mask):
        return depth
class Layers:
    def refine(self, image, depth, mask):
        return RefinedDepth(depth, depth + 1, depth, mask, np.zeros(depth.shape, bool))
"""


def matte():
    """A ring with a soft border, before a wall."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    radius = np.hypot(y - 48, x - 64)
    return np.clip((34 - radius) / 3, 0, 1) * np.clip((radius - 9) / 3, 0, 1)


@pytest.fixture
def scene(tmp_path):
    """One frame whose initial map fills the ring's hole and blurs its border."""
    mask = np.round(255 * matte()).astype(np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    front, back = 50000 + 20 * y, 10000 + 50 * x
    alpha = mask / 255
    filled = np.maximum(alpha, np.hypot(y - 48, x - 64) < 12)
    initial = ndimage.gaussian_filter(filled * front + (1 - filled) * back, 2)
    maps = {
        "depth": alpha * front + (1 - alpha) * back,
        "foreground": front,
        "background": back,
        "initial": initial / 2 + 3000,
    }
    trees.write(tmp_path / "rgb/a.png", trees.photo(0, HEIGHT, WIDTH))
    trees.write(tmp_path / "masks/a.png", mask)
    for folder, values in maps.items():
        trees.write(tmp_path / f"{folder}/a.png", np.round(values).astype(np.uint16))
    return tmp_path


def run(scene, *methods, **settings):
    dataset = open_dataset("generic", scene)
    chosen, _ = parse_methods(methods, {"device": "cpu", "layers": dataset.has_layers})
    request = EvaluateRequest(dataset, tuple(chosen), scene / "initial", **settings)
    evaluation, code = evaluate(request, RunOptions(scene / "out", quiet=True))
    assert code is ExitCode.OK
    return evaluation


def by_formulas(scene, refined, layers):
    """Holes, hair, rest and hidden, from the files on disk."""

    def read(folder):
        return cv2.imread(str(scene / folder / "a.png"), cv2.IMREAD_UNCHANGED).astype(float)

    mask, truth, first = read("masks") / 255, read("depth"), read("initial")
    low, high = truth.min(), truth.max()
    truth, front, back = (
        (values - low) / (high - low) for values in (truth, read("foreground"), read("background"))
    )
    fit = np.polynomial.Polynomial.fit(first.ravel(), truth.ravel(), 1).convert()
    hard, five = mask > 0.5, np.ones((5, 5))
    outline = ndimage.binary_dilation(hard, five) & ~ndimage.binary_erosion(
        hard, five, border_value=1
    )
    near = ndimage.distance_transform_edt(~outline) < 0.03 * WIDTH
    holes = ndimage.binary_fill_holes(hard) & ~hard
    hair = ndimage.binary_dilation((mask > 0.05) & (mask < 0.95), np.ones((7, 7)))
    error = np.abs(fit(refined) - truth)
    sides = [
        np.abs(fit(layer) - true)[near & place].mean()
        for layer, true, place in zip(
            layers, (front, back), (mask < 0.05, mask > 0.95), strict=True
        )
    ]
    parts = (holes, hair, near & ~holes & ~hair)
    return (*(error[part].mean() for part in parts), np.mean(sides))


def scores(evaluation):
    rows = (result.rows["a"].scores for result in evaluation.results)
    return [tuple(getattr(row, name) for name in REGIONS) for row in rows]


def test_regions_of_files_and_of_a_method_are_those_of_the_formulas(scene):
    sample = open_dataset("generic", scene)[0]
    initial = DepthMaps.of(open_dataset("generic", scene), scene / "initial")(sample)
    refined = LayeredPropagation("nearest", kernel=7).refine(
        sample.image, initial, sample.instances[0]
    )
    trees.write(scene / "mine/a.npy", refined.depth)
    before, ours, files = scores(run(scene, "layered-nearest:7", f"files:{scene / 'mine'}"))
    expected = by_formulas(scene, refined.depth, (refined.foreground, refined.background))
    assert ours == pytest.approx(expected, rel=1e-4)
    assert files[:3] == pytest.approx(expected[:3], rel=1e-4)
    assert math.isnan(files[3])
    assert before[1] > ours[1] > 0  # the soft border is repaired
    _, summary = evaluate_method(
        open_dataset("generic", scene), LayeredPropagation("nearest", kernel=7), lambda _: initial
    )
    assert [summary.estimates[name].value for name in REGIONS] == pytest.approx(ours)


def test_hidden_parts_are_scored_of_methods_that_make_layers(scene):
    (scene / "own.py").write_text(OWN)
    methods = ("ours", "layered-propagation", "bmf", "guided", "wmf")
    own = [f"{scene}/own.py:{name}" for name in ("Map", "Layers")]
    found = [row[3] for row in scores(run(scene, *methods, *own))]
    assert [not math.isnan(hidden) for hidden in found] == [
        *(False, True, True, False, False, False),
        *(False, True),
    ]


def test_tables_and_reports_have_the_columns_of_the_set(scene):
    evaluation = run(scene, "layered-nearest")
    assert comparison(evaluation, 0).metrics[-4:] == REGIONS
    report = json.loads(to_json(evaluation))
    assert report["dataset"]["masks"] == "files of the set"
    assert report["methods"][0]["hidden"]["value"] is None
    assert report["methods"][1]["hidden"]["images"] == 1
    assert "holes,hair,rest,hidden" in to_csv(evaluation)
    trees.write(scene / "seg/a.png", (matte() > 0.5).astype(np.uint8))
    assert comparison(run(scene, "layered-nearest"), 0).metrics[-1] == "mask_recall"


def test_small_masks_count_and_figures_show_them(scene):
    small = np.zeros((HEIGHT, WIDTH), np.uint8)
    small[10:14, 10:14] = 255
    (scene / "masks/a.png").unlink()
    trees.write(scene / "masks/a/1.png", small)
    trees.write(scene / "masks/a/2.png", small[::-1])
    run_ = run(scene, "layered-nearest", figures=scene / "figures")
    assert not math.isnan(run_.results[0].rows["a"].scores.mbe)
    assert (scene / "figures/layered-nearest/a.png").exists()
