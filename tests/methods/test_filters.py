import numpy as np
import pytest

from maskdepth_cli.methods import filters
from maskdepth_cli.methods.filters import (
    bilateral_median,
    discontinuities,
    guided_filter,
    guided_median,
    windowed_median,
)

RNG = np.random.default_rng(0)


def terraces(height=22, width=26):
    y, x = np.mgrid[:height, :width]
    depth = np.where(x + 0.3 * y < 15, 0.2, 0.8) + 0.02 * RNG.random((height, width))
    depth[5:8, 3:20] += np.linspace(0, 0.3, 17)
    return depth.astype(np.float32)


def discontinuities_by_loop(depth, threshold):
    height, width = depth.shape
    jump = np.zeros(depth.shape, bool)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            around = [depth[y + 1, x], depth[y - 1, x], depth[y, x + 1], depth[y, x - 1]]
            jump[y, x] = max(abs(depth[y, x] - value) for value in around) > threshold
    return np.pad(jump[1:-1, 1:-1], 1, mode="edge")


def bilateral_median_by_loop(depth, sizes, threshold):
    """The published loop, on inverse depth: nearest first is metric depth upwards."""
    for size in sizes:
        jump = discontinuities_by_loop(depth, threshold)
        radius = size // 2
        values = np.pad(depth, radius, mode="edge")
        holes = np.pad(jump, radius, mode="edge")
        out = depth.copy()
        for y, x in np.ndindex(depth.shape):
            hole = holes[y : y + size, x : x + size].ravel()
            if not hole.any() or hole.all():
                continue
            window = values[y : y + size, x : x + size].ravel()
            order = np.argsort(1 / window, kind="stable")
            cumulative = np.cumsum(~hole[order])
            out[y, x] = window[order][np.argmax(2 * cumulative > cumulative[-1])]
        depth = out
    return depth


def test_discontinuities_agree_with_a_loop():
    depth = RNG.random((12, 14)).astype(np.float32)
    np.testing.assert_array_equal(discontinuities(depth, 0.7), discontinuities_by_loop(depth, 0.7))


def test_bilateral_median_agrees_with_the_published_loop():
    depth = terraces()
    filtered = bilateral_median(depth, (7, 5), 0.04)
    np.testing.assert_array_equal(filtered, bilateral_median_by_loop(depth, (7, 5), 0.04))
    assert (filtered != depth).any()


def test_bilateral_median_sharpens_a_ramp_and_leaves_the_rest():
    depth = np.full((20, 30), 0.2, np.float32)
    depth[:, 15:] = 0.8
    depth[:, 14], depth[:, 15] = 0.4, 0.6
    filtered = bilateral_median(depth)
    assert set(np.unique(filtered)) == {np.float32(0.2), np.float32(0.8)}
    smooth = np.linspace(0, 1, 30, dtype=np.float32) * np.ones((20, 1), np.float32)
    np.testing.assert_array_equal(bilateral_median(smooth), smooth)


def test_windowed_median_by_hand():
    depth = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    only_centre = np.zeros((3, 3), bool)
    only_centre[1, 1] = True

    def filtered(weights):
        out = windowed_median(depth, only_centre, 3, lambda y, x: np.float32([weights]))
        assert (out != depth).sum() <= 1
        return out[1, 1]

    assert filtered([1] * 9) == 5
    assert filtered([5, 0, 0, 0, 0, 0, 0, 1, 1]) == 1
    assert filtered([0] * 9) == 5  # nothing to go by: kept
    assert filtered([1, 0, 0, 0, 0, 0, 0, 0, 1]) == 1  # a tie goes to the farther one


def test_medians_do_not_depend_on_the_chunks(monkeypatch):
    depth = terraces()
    whole = bilateral_median(depth)
    monkeypatch.setattr(filters, "CHUNK", 500)
    np.testing.assert_array_equal(bilateral_median(depth), whole)


def test_guided_median_takes_each_side_of_the_mask_apart():
    truth = np.full((24, 24), 0.2, np.float32)
    truth[8:16, 8:16] = 0.9
    mask = (truth > 0.5).astype(np.float32)
    blurred = truth.copy()
    blurred[7:17, 7] = blurred[7, 7:17] = 0.5
    image = np.full((24, 24, 3), 0.5, np.float32)
    filtered = guided_median(blurred, image, mask, 9, 0.1)
    np.testing.assert_array_equal(filtered, truth)


def test_guided_median_agrees_with_a_loop():
    depth = RNG.random((10, 11)).astype(np.float32)
    image = RNG.random((10, 11, 3)).astype(np.float32)
    mask = (RNG.random((10, 11)) > 0.5).astype(np.float32)
    filtered = guided_median(depth, image, mask, 5, 0.3)
    pad = [np.pad(a, [(2, 2), (2, 2)] + [(0, 0)] * (a.ndim - 2), "edge") for a in (depth, mask)]
    colours = np.pad(image, [(2, 2), (2, 2), (0, 0)], "edge")
    for y, x in [(0, 0), (4, 5), (9, 10), (3, 0)]:
        values = pad[0][y : y + 5, x : x + 5].ravel()
        side = 1 - np.abs(pad[1][y : y + 5, x : x + 5].ravel() - mask[y, x])
        colour = ((colours[y : y + 5, x : x + 5] - image[y, x]) ** 2).sum(axis=-1).ravel()
        weights = side * np.exp(-colour / (2 * 0.3**2))
        order = np.argsort(-values)
        cumulative = np.cumsum(weights[order])
        expected = values[order][np.argmax(cumulative > cumulative[-1] / 2)]
        assert filtered[y, x] == expected


def guided_by_loop(values, guide, radius, epsilon):
    """He et al., Eq. 19 to 21, window by window."""
    mirrored = np.pad(values, radius, mode="symmetric")
    guides = np.pad(guide, [(radius, radius)] * 2 + [(0, 0)], mode="symmetric")
    side = 2 * radius + 1
    slopes = np.empty(guide.shape)
    offsets = np.empty(values.shape)
    for y, x in np.ndindex(values.shape):
        p = mirrored[y : y + side, x : x + side].ravel()
        g = guides[y : y + side, x : x + side].reshape(-1, guide.shape[-1])
        covariance = np.cov(g.T, bias=True).reshape(g.shape[1], g.shape[1])
        cross = ((g - g.mean(0)) * (p - p.mean())[:, None]).mean(0)
        slopes[y, x] = np.linalg.inv(covariance + epsilon * np.eye(g.shape[1])) @ cross
        offsets[y, x] = p.mean() - slopes[y, x] @ g.mean(0)
    out = np.empty(values.shape)
    slopes = np.pad(slopes, [(radius, radius)] * 2 + [(0, 0)], mode="symmetric")
    offsets = np.pad(offsets, radius, mode="symmetric")
    for y, x in np.ndindex(values.shape):
        slope = slopes[y : y + side, x : x + side].mean((0, 1))
        out[y, x] = slope @ guide[y, x] + offsets[y : y + side, x : x + side].mean()
    return out


@pytest.mark.parametrize("channels", [1, 4])
def test_guided_filter_agrees_with_a_loop(channels):
    values = RNG.random((9, 10)).astype(np.float32)
    guide = RNG.random((9, 10, channels)).astype(np.float32)
    filtered = guided_filter(values, guide, 2, 1e-3)
    np.testing.assert_allclose(filtered, guided_by_loop(values, guide, 2, 1e-3), atol=1e-5)
