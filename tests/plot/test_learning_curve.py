"""A run is a line; several are their mean within their range."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes

from ranvier import plot
from ranvier.errors import ShapeError


def test_one_run_is_a_line_from_epoch_1(ax: Axes) -> None:
    assert plot.learning_curve({"train": [0.2, 0.5, 0.9]}, ax=ax) is ax
    (line,) = ax.get_lines()
    assert list(line.get_xdata()) == [1, 2, 3]
    assert list(line.get_ydata()) == [0.2, 0.5, 0.9]


def test_several_runs_are_mean_and_range(ax: Axes) -> None:
    plot.learning_curve({"train": [[0.0, 0.4], [0.2, 0.8]]}, best=[1, 2], ax=ax)
    assert np.allclose(ax.get_lines()[0].get_ydata(), [0.1, 0.6])
    assert np.allclose(ax.collections[0].get_datalim(ax.transData).get_points(), [[1, 0.0], [2, 0.8]])
    assert list(ax.get_lines()[1].get_xdata()) == [1, 2]


@pytest.mark.parametrize(
    ("curves", "text"), [({}, "no curve"), ({"train": []}, "epochs"), ({"train": np.zeros((1, 1, 1))}, "epochs")]
)
def test_mistakes_are_named(ax: Axes, curves: dict, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        plot.learning_curve(curves, ax=ax)
