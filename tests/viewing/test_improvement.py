import numpy as np

from maskdepth_cli.viewing.improvement import improvement_panel

IMAGE = np.full((40, 60, 3), 0.5, np.float32)


def last_tile(panel):
    """The map on the right, without captions."""
    return panel[40:-20, -panel.shape[1] // 5 + 10 : -10].astype(int)


def scene():
    truth = np.full((40, 60), 0.5, np.float32)
    initial, refined = truth.copy(), truth.copy()
    initial[:, :20] = 0.9  # repaired
    refined[:, 40:] = 0.9  # spoilt
    return truth, initial, refined


def test_blue_where_the_error_fell_and_red_where_it_grew():
    tile = last_tile(improvement_panel(IMAGE, *scene()))
    third = tile.shape[1] // 3
    better, same, worse = (
        tile[:, 15 : third - 30],
        tile[:, third + 30 : 2 * third - 30],
        tile[:, 2 * third + 40 : -15],
    )
    assert (better[..., 2] > better[..., 0] + 50).all()
    assert (worse[..., 0] > worse[..., 2] + 50).all()
    assert np.ptp(same.reshape(-1, 3), axis=1).max() < 10  # gray: the dim photo


def test_unknown_truth_is_no_change():
    truth, initial, refined = scene()
    truth[:] = np.nan
    tile = last_tile(improvement_panel(IMAGE, truth, initial, refined))
    assert np.ptp(tile[10:-10, 10:-10].reshape(-1, 3), axis=1).max() < 10
