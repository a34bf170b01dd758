import numpy as np
import pytest
from PIL import ImageColor

from maskdepth_cli.viewing.charts import COLORS, HEIGHT, LEFT, TOP, WIDTH, Chart, draw_charts


def pixels_of(picture, color):
    """Places where a colour dominates."""
    distance = np.abs(picture.astype(int) - ImageColor.getrgb(color)).sum(axis=-1)
    return np.argwhere(distance < 40)


def plot(series, level=None, **options):
    return draw_charts("title", [Chart("chart", ["0", "1", "2"], series, level)], **options)


def test_a_rising_line_rises():
    picture = plot({"a": [1.0, 2.0, 3.0]})
    inside = [
        (y, x)
        for y, x in pixels_of(picture, COLORS[0])
        if LEFT < x < LEFT + WIDTH and TOP < y < TOP + HEIGHT
    ]
    rows, columns = np.array(inside).T
    assert np.corrcoef(rows, columns)[0, 1] < -0.95  # rows count downwards
    # From a third-of-a-third in, at 8% margins: the ends lie where the values say.
    low, high = 1 - 0.16, 3 + 0.16
    for value, place in ((1.0, 1 / 6), (3.0, 5 / 6)):
        y = TOP + HEIGHT * (high - value) / (high - low)
        x = LEFT + WIDTH * place
        assert min(np.hypot(rows - y, columns - x)) < 3


def test_each_series_has_its_colour_and_its_line_in_the_legend():
    one, two = plot({"a": [1.0, 2.0, 1.5]}), plot({"a": [1.0, 2.0, 1.5], "b": [2.0, 1.0, 1.2]})
    assert two.shape[0] > one.shape[0]
    assert len(pixels_of(two, COLORS[1])) > 100
    assert len(pixels_of(one, COLORS[1])) == 0


def test_undefined_values_are_left_out():
    picture = plot({"a": [np.nan, 2.0, np.inf]})
    assert len(pixels_of(picture, COLORS[0])) > 10  # the dot of the one value that is there
    assert plot({"a": [np.nan] * 3}).dtype == np.uint8


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [5.0, 5.0, 5.0], [-1e-9, 0.0, 1e-9]])
def test_flat_and_tiny_ranges_can_be_drawn(values):
    assert plot({"a": values}, level=values[0], level_label="initial").shape[2] == 3


def test_charts_stand_side_by_side():
    chart = Chart("x", ["0", "1"], {"a": [1.0, 2.0]})
    widths = [draw_charts("t", [chart] * count).shape[1] for count in (1, 2, 3)]
    assert np.diff(widths).tolist() == [widths[1] - widths[0]] * 2
