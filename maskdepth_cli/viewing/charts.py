"""Line charts as pictures, side by side with one scale; enough for a handful of curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

Point = tuple[float, float]

# Okabe and Ito's colours, told apart by colour-blind readers too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
INK, GRID, PAPER = "#333333", "#DDDDDD", "#FFFFFF"
WIDTH, HEIGHT = 340, 260  # of one chart's plotting area
LEFT, GAP, TOP, BOTTOM, LINE = 76, 28, 64, 56, 22
SCALE = 2  # everything is drawn this much larger, then reduced: smooth lines


@dataclass(frozen=True)
class Chart:
    """One set of axes.

    Parameters
    ----------
    title : str
        Above it.
    ticks : sequence of str
        Labels of the places 0, 1, 2, ... on the horizontal axis.
    series : mapping of str to sequence of float
        One value a place; values that are not finite are left out.
    level : float or None
        A dashed horizontal line.
    """

    title: str
    ticks: Sequence[str]
    series: Mapping[str, Sequence[float]]
    level: float | None = None


def draw_charts(title: str, charts: Sequence[Chart], level_label: str = "") -> NDArray[np.uint8]:
    """Draw charts side by side over one legend.

    Parameters
    ----------
    title : str
        Of the whole picture.
    charts : sequence of Chart
        With the same series; the vertical axis is shared.
    level_label : str
        Meaning of the dashed lines, for the legend.

    Returns
    -------
    ndarray
        RGB (H, W, 3), uint8.
    """
    names = list(dict.fromkeys(name for chart in charts for name in chart.series))
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    entries = [*((name, colors[name]) for name in names)]
    if level_label:
        entries.append((level_label, INK))
    width = LEFT + len(charts) * (WIDTH + GAP)
    height = TOP + HEIGHT + BOTTOM + LINE * len(entries)
    canvas = PILImage.new("RGB", (width * SCALE, height * SCALE), PAPER)
    pen = _Pen(canvas)
    low, high = _range(charts)
    pen.text((LEFT, 18), title, size=16)
    for index, chart in enumerate(charts):
        _draw_chart(pen, chart, LEFT + index * (WIDTH + GAP), (low, high), colors, index == 0)
    for row, (name, color) in enumerate(entries):
        y = TOP + HEIGHT + BOTTOM + LINE * row
        dashed = name == level_label and row == len(names)
        pen.line([(LEFT, y), (LEFT + 30, y)], color, 2, dashed=dashed)
        pen.text((LEFT + 38, y), name)
    return np.asarray(canvas.resize((width, height), PILImage.Resampling.LANCZOS), dtype=np.uint8)


def _draw_chart(
    pen: _Pen,
    chart: Chart,
    left: float,
    limits: Point,
    colors: Mapping[str, str],
    labelled: bool,
) -> None:
    low, high = limits

    def place(x: float, y: float) -> Point:
        across = (x + 0.5) / len(chart.ticks)
        return left + across * WIDTH, TOP + HEIGHT * (high - y) / (high - low)

    for value in _ticks(low, high):
        y = place(0, value)[1]
        pen.line([(left, y), (left + WIDTH, y)], GRID, 1)
        if labelled:
            pen.text((left - 8, y), f"{value:.4g}", anchor="rm")
    pen.text((left + WIDTH / 2, TOP - 14), chart.title, anchor="mm")
    for x, tick in enumerate(chart.ticks):
        pen.text((place(x, low)[0], TOP + HEIGHT + 16), tick, anchor="mm")
    pen.line([(left, TOP), (left, TOP + HEIGHT), (left + WIDTH, TOP + HEIGHT)], INK, 1)
    if chart.level is not None and np.isfinite(chart.level):
        y = place(0, chart.level)[1]
        pen.line([(left, y), (left + WIDTH, y)], INK, 1.5, dashed=True)
    for name, values in chart.series.items():
        points = [place(x, y) for x, y in enumerate(values) if np.isfinite(y)]
        pen.line(points, colors[name], 2)
        for point in points:
            pen.dot(point, colors[name])


class _Pen:
    """Draws in the picture's final units."""

    def __init__(self, canvas: PILImage.Image) -> None:
        self._draw = ImageDraw.Draw(canvas)

    def line(
        self, points: Sequence[Point], color: str, width: float, *, dashed: bool = False
    ) -> None:
        if len(points) < 2:
            return
        if dashed:
            (x0, y), (x1, _) = points
            for x in np.arange(x0, x1, 8):
                self.line([(float(x), y), (min(float(x) + 5, x1), y)], color, width)
            return
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(scaled, fill=color, width=round(width * SCALE), joint="curve")

    def dot(self, point: Point, color: str) -> None:
        x, y, radius = point[0] * SCALE, point[1] * SCALE, 3.5 * SCALE
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)

    def text(self, point: Point, text: str, *, size: int = 13, anchor: str = "lm") -> None:
        font = ImageFont.load_default(size=size * SCALE)
        place = point[0] * SCALE, point[1] * SCALE
        self._draw.text(place, text, fill=INK, font=font, anchor=anchor)


def _range(charts: Sequence[Chart]) -> Point:
    """Lowest and highest value with a margin."""
    values = [y for chart in charts for line in chart.series.values() for y in line]
    values += [chart.level for chart in charts if chart.level is not None]
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    margin = 0.08 * (high - low) or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Four to nine round values between two bounds."""
    step = 10 ** np.floor(np.log10((high - low) / 2))
    for factor in (0.2, 0.5, 1, 2, 5):
        if (high - low) / (factor * step) <= 8:
            step *= factor
            break
    first = np.ceil(low / step)
    count = int(np.floor(high / step) - first) + 1
    return [float((first + i) * step) for i in range(count)]
