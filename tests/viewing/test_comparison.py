import numpy as np
import pytest

from maskdepth_cli.viewing.colors import color_depth
from maskdepth_cli.viewing.comparison import comparison_panel
from maskdepth_cli.viewing.panels import CAPTION, GAP, TILE

IMAGE = np.full((40, 60, 3), 0.5, np.float32)
HEIGHT = 427


def tile(panel, index, row=0):
    """One picture of a panel, without its borders."""
    left, top = GAP + index * (TILE + GAP), CAPTION + row * (HEIGHT + GAP)
    return panel[top + 20 : top + HEIGHT - 20, left + 10 : left + TILE - 10].astype(int)


def scene():
    truth = np.full((40, 60), 0.5, np.float32)
    truth[:4] = 0
    truth[-4:] = 1
    initial, refined = truth.copy(), truth.copy()
    initial[4:-4, :20] = 0.9  # repaired
    refined[4:-4, 40:] = 0.9  # spoilt
    return truth, initial, refined


def compare(truth, initial, refined, **more):
    return comparison_panel(IMAGE, ("a", initial), [("b", refined)], truth=truth, **more)


def test_blue_where_the_error_fell_and_red_where_it_grew():
    seen = tile(compare(*scene(), crops=0), 4)[60:-60]
    third = seen.shape[1] // 3
    better, same, worse = (
        seen[:, 15 : third - 30],
        seen[:, third + 30 : 2 * third - 30],
        seen[:, 2 * third + 40 : -15],
    )
    assert (better[..., 2] > better[..., 0] + 50).all()
    assert (worse[..., 0] > worse[..., 2] + 50).all()
    assert np.ptp(same.reshape(-1, 3), axis=1).max() < 10  # gray: the dim photo


def test_unknown_truth_is_no_change():
    truth, initial, refined = scene()
    truth[:] = np.nan
    seen = tile(compare(truth, initial, refined, crops=0), 4)
    assert np.ptp(seen.reshape(-1, 3), axis=1).max() < 10


def test_without_truth_every_further_map_has_its_own_change():
    _, initial, refined = scene()
    pair = [("b", refined), ("c", initial)]
    panel = comparison_panel(IMAGE, ("a", initial), pair, crops=0)
    assert panel.shape == (CAPTION + HEIGHT + GAP, 6 * (TILE + GAP) + GAP, 3)
    farther, same, nearer = np.split(tile(panel, 3)[60:-60, 1:-1], 3, axis=1)
    assert (farther[:, 20:150, 2] > farther[:, 20:150, 0] + 50).all()
    assert (nearer[:, 60:180, 0] > nearer[:, 60:180, 2] + 50).all()
    assert np.ptp(same[:, 60:-60].reshape(-1, 3), axis=1).max() < 10
    assert np.ptp(tile(panel, 5).reshape(-1, 3), axis=1).max() < 10
    np.testing.assert_array_equal(tile(panel, 1), tile(panel, 4))


def test_close_ups_start_where_most_changed_and_lie_apart():
    before = np.zeros((400, 600), np.float32)
    after = before.copy()
    photo = np.zeros((400, 600, 3), np.float32)
    for (top, left), amount, color in (
        ((40, 60), 1.0, (0, 1, 0)),
        ((300, 450), 3.0, (1, 0, 0)),
        ((40, 400), 0.01, (0, 0, 1)),  # too little for a close-up
    ):
        after[top : top + 40, left : left + 40] = amount
        photo[top : top + 40, left : left + 40] = color
    panel = comparison_panel(photo, ("a", before), [("b", after)], crops=4)
    assert panel.shape[0] == CAPTION + 3 * (HEIGHT + GAP)
    # 40 x 40 of the 100 x 150 pixels of a close-up have the colour of their place.
    share = [(tile(panel, 0, row) == (255, 0, 0)).all(axis=2).mean() for row in (1, 2)]
    assert share == pytest.approx([1600 / 15000, 0], abs=0.03)
    assert (tile(panel, 0, 2) == (0, 255, 0)).all(axis=2).mean() > 0.07


@pytest.mark.parametrize("colormap", ["Spectral_r", "inferno", "turbo", "gray"])
def test_colormaps_tell_near_from_far(colormap):
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    colors = color_depth(ramp, 0, 1, colormap)[0].astype(int)
    assert len({tuple(color) for color in colors}) > 200
    ends = {
        "Spectral_r": ((94, 79, 162), (158, 1, 66)),
        "inferno": ((0, 0, 4), (252, 255, 164)),
        "turbo": ((48, 18, 59), (122, 4, 3)),
        "gray": ((0, 0, 0), (255, 255, 255)),
    }
    # Matplotlib's values of the first and the last colour.
    np.testing.assert_allclose(colors[[0, -1]], ends[colormap], atol=4)
