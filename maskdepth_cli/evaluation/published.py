"""The figures of the paper's Tables 1 to 3 and how those tables are arranged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from maskdepth_cli.metrics.summary import METRICS

TableNumber = Literal[1, 2, 3]
Figures = tuple[float | None, ...]

PAPER_METRICS = METRICS[:6]  # r3, mbe, eps_acc, eps_comp, whdr, rmse


@dataclass(frozen=True)
class Arrangement:
    """One of the paper's tables.

    Parameters
    ----------
    rows : mapping of str to str
        Methods in the paper's order, and the paper's names for them.
    metrics : tuple of str
        Columns.
    figures : mapping of (data set, SIDE model) to mapping of str to figures
        By method, in the order of ``metrics``; None where the paper has a dash.
    """

    rows: Mapping[str, str]
    metrics: tuple[str, ...]
    figures: Mapping[tuple[str, str], Mapping[str, Figures]]


_FIGURES: Mapping[tuple[str, str], Mapping[str, Figures]] = {
    ("hypersim", "midas-v2.1"): {
        "initial": (None, 0.0973, 2.521, 7.074, 0.1496, 0.0966),
        "direct-composite": (3.771, 0.0941, 1.915, 6.233, 0.1490, 0.0961),
        "layered-propagation": (1.097, 0.1044, 1.942, 6.284, 0.1629, 0.1028),
        "layered-ours": (2.332, 0.1000, 1.871, 6.396, 0.1560, 0.0999),
        "bmf": (0.7784, 0.0974, 2.574, 7.089),
        "boosting": (4.671, 0.0923, 1.551, 5.837),
        "ours": (5.209, 0.0906, 1.888, 5.931, 0.1481, 0.0958),
    },
    ("tartanair", "midas-v2.1"): {
        "initial": (None, 0.0596, 3.483, 6.913, 0.1207, 0.0533),
        "direct-composite": (5.897, 0.0594, 3.183, 6.363, 0.1209, 0.0534),
        "direct-paired": (3.507, 0.0575, 3.153, 6.304, 0.1196, 0.0525),
        "layered-propagation": (3.642, 0.0608, 3.128, 6.358, 0.1255, 0.0550),
        "layered-ours": (6.939, 0.0580, 3.243, 6.437, 0.1230, 0.0539),
        "bmf": (1.032, 0.0597, 3.489, 6.947),
        "boosting": (4.721, 0.0602, 3.605, 7.287),
        "ours": (16.569, 0.0579, 2.851, 6.272, 0.1207, 0.0538),
    },
    ("hypersim", "dpt-large"): {
        "initial": (None, 0.0936, 2.071, 6.190, 0.1347, 0.0911),
        "direct-composite": (2.574, 0.0891, 1.599, 5.411, 0.1339, 0.0903),
        "layered-propagation": (1.188, 0.1007, 1.792, 5.636, 0.1502, 0.0986),
        "layered-ours": (1.996, 0.0954, 1.606, 5.605, 0.1433, 0.0953),
        "bmf": (0.9444, 0.0937, 2.094, 6.203),
        "boosting": (1.843, 0.0905, 1.681, 5.633),
        "ours-stage2-no-holes": (2.016, 0.0890, 1.915, 5.320),
        "ours-stage2": (2.613, 0.0861, 1.670, 5.161),
        "ours-no-holes": (5.384, 0.0846, 1.438, 5.100),
        "ours": (4.455, 0.0840, 1.491, 5.087, 0.1333, 0.0896),
    },
    ("tartanair", "dpt-large"): {
        "initial": (None, 0.0496, 2.574, 5.677, 0.1091, 0.0414),
        "direct-composite": (4.773, 0.0486, 2.462, 5.480, 0.1086, 0.0411),
        "direct-paired": (2.413, 0.0485, 2.519, 5.394, 0.1105, 0.0412),
        "layered-propagation": (2.347, 0.0524, 2.579, 5.527, 0.1162, 0.0442),
        "layered-ours": (5.626, 0.0484, 2.447, 5.342, 0.1116, 0.0423),
        "bmf": (0.6875, 0.0497, 2.667, 5.836),
        "boosting": (4.013, 0.0496, 2.414, 5.569),
        "ours": (8.767, 0.0474, 2.282, 5.245, 0.1078, 0.0408),
    },
}
"""Every published figure once; methods of Tables 2 and 3 alone have the first four metrics."""


def _arrange(
    rows: Mapping[str, str],
    metrics: tuple[str, ...],
    sets: Iterable[tuple[str, str]] = tuple(_FIGURES),
) -> Arrangement:
    """Take a table's rows and columns out of the figures."""
    figures = {
        key: {name: known[: len(metrics)] for name in rows if (known := _FIGURES[key].get(name))}
        for key in sets
    }
    return Arrangement(rows, metrics, figures)


ARRANGEMENTS: dict[TableNumber, Arrangement] = {
    1: _arrange(
        {
            "initial": "initial depth",
            "direct-composite": "+ direct-composite",
            "direct-paired": "+ direct-paired",
            "layered-propagation": "+ layered-propagation",
            "layered-ours": "+ layered-ours",
            "ours": "+ ours",
        },
        PAPER_METRICS,
    ),
    2: _arrange(
        {"initial": "initial depth", "bmf": "+ BMF", "boosting": "+ Boosting", "ours": "+ ours"},
        PAPER_METRICS[:4],
    ),
    3: _arrange(
        {
            "layered-ours": "stage I only",
            "ours-stage2-no-holes": "stage II only, no hole perturbation",
            "ours-stage2": "stage II only",
            "ours-no-holes": "stages I and II, no hole perturbation",
            "ours": "stages I and II",
        },
        PAPER_METRICS[:4],
        (("hypersim", "dpt-large"),),
    ),
}
