import numpy as np
import pytest

from maskdepth_cli.metrics.occlusion import boundary_f1, mask_recall, mask_recalls

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
THRESHOLDS = [1.05 + 0.2 * i / 9 for i in range(10)]


def contours(depth, threshold, direction):
    """Pairs (far, near) of neighbours whose ratio exceeds the threshold, by a loop."""
    height, width = depth.shape
    dy, dx = direction
    return {
        (y, x)
        for y in range(height)
        for x in range(width)
        if 0 <= y + dy < height and 0 <= x + dx < width
        if depth[y + dy, x + dx] / depth[y, x] > threshold
    }


def share(hits, total):
    return len(hits) / max(len(total), 1)


def f1_by_loop(prediction, truth):
    scores = []
    for threshold in THRESHOLDS:
        pairs = [
            (contours(prediction, threshold, d), contours(truth, threshold, d)) for d in DIRECTIONS
        ]
        recall = np.mean([share(p & t, t) for p, t in pairs])
        precision = np.mean([share(p & t, p) for p, t in pairs])
        scores.append(2 * recall * precision / (recall + precision) if recall + precision else 0)
    return np.dot(scores, THRESHOLDS) / np.sum(THRESHOLDS)


def thinned(depth, threshold, direction):
    """Keep the first largest ratio of each run of contours along the direction of the step."""
    dy, dx = direction
    found = contours(depth, threshold, direction)
    kept = set()
    for y, x in found:
        if (y - abs(dy), x - abs(dx)) in found:
            continue  # not the first of its run
        run = [(y, x)]
        while (step := (run[-1][0] + abs(dy), run[-1][1] + abs(dx))) in found:
            run.append(step)
        kept.add(max(run, key=lambda p: depth[p[0] + dy, p[1] + dx] / depth[p]))
    return kept


def recall_by_loop(prediction, mask):
    scores = []
    for threshold in THRESHOLDS:
        shares = []
        for direction in DIRECTIONS:
            outline = contours(np.where(mask, 2.0, 1.0), 1.5, direction)
            shares.append(share(thinned(prediction, threshold, direction) & outline, outline))
        scores.append(np.mean(shares))
    return np.dot(scores, THRESHOLDS) / np.sum(THRESHOLDS)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_loops(seed):
    rng = np.random.default_rng(seed)
    truth = 1 + rng.integers(0, 3, (9, 11)) * 0.15
    prediction = truth + rng.normal(0, 0.08, truth.shape)
    mask = truth > 1.2
    assert boundary_f1(prediction, truth) == pytest.approx(f1_by_loop(prediction, truth))
    assert mask_recall(prediction, mask) == pytest.approx(recall_by_loop(prediction, mask))


def object_on_ground(ratio):
    depth = np.full((12, 14), 0.5)
    depth[3:9, 4:10] *= ratio
    return depth


def test_scale_invariant_and_perfect_on_itself():
    depth = object_on_ground(1.5)
    assert boundary_f1(7 * depth, depth) == pytest.approx(1.0)
    assert mask_recall(0.01 * depth, depth > 0.5) == pytest.approx(1.0)


def test_weight_of_a_contour_grows_with_its_ratio():
    # A predicted ratio of 1.15 passes the thresholds below it, and those weigh less.
    passed = [t for t in THRESHOLDS if t < 1.15]
    recall = mask_recall(object_on_ground(1.15), object_on_ground(2) > 0.5)
    assert recall == pytest.approx(sum(passed) / sum(THRESHOLDS))


def test_only_the_largest_of_successive_steps_counts_for_the_recall():
    depth = np.full((8, 20), 1.0)
    depth[:, 8:], depth[:, 9:] = 1.5, 2.0  # ratios 1.5, then 1.33
    columns = np.arange(20) + np.zeros((8, 1))
    # An outline in one direction of four: the others have nothing to find and add nothing.
    assert mask_recall(depth, columns >= 8) == pytest.approx(0.25)
    assert mask_recall(depth, columns >= 9) == 0.0


def test_invalid_pixels_take_part_in_no_pair():
    truth = object_on_ground(2.0)
    prediction = truth.copy()
    prediction[0, 0] = np.nan
    valid = np.isfinite(prediction)
    assert boundary_f1(prediction, truth, valid) == pytest.approx(1.0)
    assert boundary_f1(prediction, truth, np.zeros(truth.shape, bool)) == 0.0


def test_the_floor_silences_far_pixels():
    truth = object_on_ground(2.0)
    truth[10:] = 0.0
    noisy = truth.copy()
    noisy[10:, ::2] = 1e-4
    assert boundary_f1(noisy, truth) < 0.99
    assert boundary_f1(noisy, truth, floor=0.01) == pytest.approx(1.0)


def test_soft_masks_are_cut_and_several_masks_agree_with_one():
    depth = object_on_ground(1.3)
    soft = np.where(depth > 0.5, 0.4, 0.05)
    masks = [depth > 0.5, np.eye(12, 14) > 0]
    assert mask_recall(depth, soft) == mask_recall(depth, masks[0])
    expected = [mask_recall(depth, mask) for mask in masks]
    assert mask_recalls(depth, masks) == pytest.approx(expected)


def test_no_contour_anywhere_is_zero():
    flat = np.ones((5, 5))
    assert boundary_f1(flat, flat) == 0.0
    assert mask_recall(flat, flat > 2) == 0.0
