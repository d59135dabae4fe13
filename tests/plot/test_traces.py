"""Lines follow the samples; strokes stand at the spikes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes

from ranvier import plot
from ranvier.errors import ShapeError
from ranvier.network import SpikeTrain

TIMES = np.arange(1, 101) * 0.5
VALUES = np.stack([np.sin(TIMES), np.cos(TIMES), TIMES, -TIMES], axis=1)


def test_lines_are_the_samples(ax: Axes) -> None:
    assert plot.traces(VALUES, TIMES, cells=(2, 0), ax=ax) is ax
    first, second = ax.get_lines()
    assert np.array_equal(first.get_ydata(), VALUES[:, 2])
    assert np.array_equal(second.get_ydata(), VALUES[:, 0])
    assert np.array_equal(first.get_xdata(), TIMES)


def test_window_cuts_the_lines(ax: Axes) -> None:
    plot.traces(VALUES, TIMES, window=(10, 20), ax=ax)
    shown = ax.get_lines()[0].get_xdata()
    assert (min(shown), max(shown)) == (10, 20)


def test_strokes_stand_at_the_spikes_of_the_cells_drawn(ax: Axes, train: SpikeTrain) -> None:
    plot.traces(VALUES, TIMES, cells=(0,), spikes=train, peak=7.0, ax=ax)
    strokes = np.concatenate([np.asarray(path.vertices) for path in ax.collections[0].get_paths()])
    assert sorted(set(strokes[:, 0])) == [1, 25, 50]
    assert strokes[:, 1].max() == 7.0


def test_a_threshold_is_a_line_of_its_own(ax: Axes) -> None:
    plot.traces(VALUES, TIMES, cells=(0,), threshold=0.5, ax=ax)
    assert list(ax.get_lines()[1].get_ydata()) == [0.5, 0.5]


def test_nothing_recorded_draws_nothing(ax: Axes, train: SpikeTrain) -> None:
    plot.traces(VALUES[:0], TIMES[:0], spikes=train, ax=ax)
    assert all(len(line.get_xdata()) == 0 for line in ax.get_lines())


@pytest.mark.parametrize(
    ("values", "times", "options", "text"),
    [
        (VALUES[:, 0], TIMES, {}, "2 axes"),
        (VALUES, TIMES[1:], {}, "100 samples, times 99"),
        (VALUES, TIMES, {"cells": (4,)}, "cells 0 to 3"),
        (VALUES, TIMES, {"window": (2, 1)}, "run forward"),
    ],
)
def test_mistakes_are_named(ax: Axes, values: np.ndarray, times: np.ndarray, options: dict, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        plot.traces(values, times, ax=ax, **options)
