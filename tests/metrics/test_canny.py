import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import feature

from maskdepth_cli.metrics.canny import canny

IBIMS = (2**0.5, 0.15, 0.3)


def picture(kind, seed, shape):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    if kind == "noise":
        return rng.random(shape)
    if kind == "steps":
        return (np.floor((x * rng.normal() + y * rng.normal()) / 6) % 3) / 2
    if kind == "levels":
        return np.round(rng.random(shape), 1)
    return np.hypot(x - shape[1] / 2, y - shape[0] / 2) % 9 / 9


@given(
    st.sampled_from(["noise", "steps", "levels", "rings"]),
    st.integers(0, 10**6),
    st.tuples(st.integers(4, 40), st.integers(4, 40)),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_same_edges_as_scikit_image(kind, seed, shape, masked):
    image = picture(kind, seed, shape)
    valid = np.random.default_rng(seed).random(shape) > 0.05 if masked else None
    expected = feature.canny(image, *IBIMS, mask=valid)
    np.testing.assert_array_equal(canny(image, *IBIMS, valid), expected)


def test_gradients_of_all_directions_are_thinned_as_in_scikit_image():
    y, x = np.mgrid[:41, :41] - 20.0
    for angle in range(0, 360, 15):
        side = x * np.cos(np.deg2rad(angle)) + y * np.sin(np.deg2rad(angle))
        image = (side > 0.5).astype(float)
        edges = canny(image, *IBIMS)
        assert edges.any()
        np.testing.assert_array_equal(edges, feature.canny(image, *IBIMS))


def test_weak_edges_need_a_strong_one():
    ramp = np.zeros((30, 40))
    ramp[:, 20:] = 0.12  # magnitude about 0.13 after smoothing: below both thresholds
    assert not canny(ramp, *IBIMS).any()
    ramp[:, 20:] = 1.0
    assert canny(ramp, *IBIMS).any()


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (3, 3)])
def test_tiny_images_have_no_edges_but_do_not_fail(shape):
    assert canny(np.zeros(shape), *IBIMS).shape == shape
