"""Line charts as pictures, side by side with one scale, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.extras import extra

# Okabe and Ito's colours, told apart by colour-blind readers too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
INK, GRID = "#333333", "#DDDDDD"
WIDTH, HEIGHT = 340, 260  # of one chart's plotting area, in pixels
LEFT, GAP, TOP, BOTTOM, LINE = 76, 28, 64, 56, 22
DPI = 100
MARGIN = 0.08  # of the range of values, above and below


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

    Raises
    ------
    UsageError
        matplotlib is not installed.
    """
    agg = extra("matplotlib.backends.backend_agg", "evaluate", "drawing charts")
    names = list(dict.fromkeys(name for chart in charts for name in chart.series))
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    width = LEFT + len(charts) * (WIDTH + GAP)
    height = TOP + HEIGHT + BOTTOM + LINE * (len(names) + bool(level_label))
    figure = extra("matplotlib.figure", "evaluate", "drawing charts").Figure(
        figsize=(width / DPI, height / DPI), dpi=DPI
    )
    figure.text(LEFT / width, 1 - 18 / height, title, va="center", fontsize=11, color=INK)
    limits = _limits(charts)
    for index, chart in enumerate(charts):
        left, bottom = LEFT + index * (WIDTH + GAP), height - TOP - HEIGHT
        axes = figure.add_axes((left / width, bottom / height, WIDTH / width, HEIGHT / height))
        _draw_chart(axes, chart, colors, level_label)
        axes.set_ylim(limits)
        axes.tick_params(labelleft=index == 0)
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="lower left",
        bbox_to_anchor=(LEFT / width, 0),
        frameon=False,
        labelcolor=INK,
    )
    canvas = agg.FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _draw_chart(axes: Any, chart: Chart, colors: Mapping[str, str], level_label: str) -> None:
    """Draw one chart on matplotlib's axes."""
    places = np.arange(len(chart.ticks))
    for name, color in colors.items():
        values = np.asarray(chart.series.get(name, [np.nan] * len(places)), np.float64)
        values = np.where(np.isfinite(values), values, np.nan)
        known = np.isfinite(values)  # without the others the line goes on
        axes.plot(places[known], values[known], color=color, marker="o", markersize=5, label=name)
    if level_label:
        level = np.nan if chart.level is None else chart.level
        axes.axhline(level, color=INK, linewidth=1.5, linestyle="--", label=level_label)
    axes.set_title(chart.title, fontsize=10, color=INK)
    axes.set_xticks(places, chart.ticks)
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(color=INK, labelcolor=INK, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _limits(charts: Sequence[Chart]) -> tuple[float, float]:
    """Lowest and highest value with a margin."""
    values = [y for chart in charts for line in chart.series.values() for y in line]
    values += [chart.level for chart in charts if chart.level is not None]
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    margin = MARGIN * (high - low) or abs(high) * 0.1 or 1.0
    return low - margin, high + margin
