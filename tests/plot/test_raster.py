"""Every spike is a dot at its time and cell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.errors import ShapeError
from ranvier.network import SpikeTrain


def _dots(ax: Axes) -> np.ndarray:
    return np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections])


def test_dots_are_the_spikes(ax: Axes, train: SpikeTrain) -> None:
    assert plot.raster(train, ax=ax) is ax
    assert _dots(ax).tolist() == [[1, 0], [5, 1], [5, 3], [25, 0], [50, 0]]
    assert ax.get_xlim() == (0, 50)


def test_window_and_cells_leave_the_rest_out(ax: Axes, train: SpikeTrain) -> None:
    plot.raster(train, window=(2, 30), cells=2, ax=ax)
    assert _dots(ax).tolist() == [[5, 1], [25, 0]]


def test_several_trains_are_stacked(ax: Axes, train: SpikeTrain) -> None:
    plot.raster({"exc": train, "inh": train}, cells=3, ax=ax)
    assert _dots(ax)[:, 1].max() == 1 + 3
    assert [label.get_text() for label in ax.get_yticklabels()] == ["exc\n(3)", "inh\n(3)"]


def test_cells_may_differ_by_train(ax: Axes, train: SpikeTrain) -> None:
    plot.raster({"exc": train, "inh": train}, cells={"exc": 1}, ax=ax)
    assert _dots(ax)[:, 1].tolist() == [0, 0, 0, 1, 2, 4, 1, 1]


def test_a_continued_recording_begins_where_it_began(ax: Axes) -> None:
    plot.raster(SpikeTrain(np.array([250]), np.array([0]), 1.0, 1, 200, 100), ax=ax)
    assert ax.get_xlim() == (200, 300)


@given(st.integers(1, 20), st.integers(1, 8), st.integers(0, 2**31))
def test_a_dense_tensor_draws_its_entries(steps: int, cells: int, seed: int) -> None:
    spikes = torch.rand(steps, cells, generator=torch.Generator().manual_seed(seed)) < 0.3
    drawn = _dots(plot.raster(spikes, dt=2.0, ax=Figure().add_subplot()))
    assert len(drawn) == int(spikes.sum())
    assert all(spikes[int(time / 2) - 1, int(cell)] for time, cell in drawn)


def test_silence_draws_nothing(ax: Axes) -> None:
    assert len(_dots(plot.raster(np.zeros((5, 3)), dt=1.0, ax=ax))) == 0


@pytest.mark.parametrize(
    ("spikes", "options", "text"),
    [
        (np.zeros((5, 3)), {}, "step length"),
        (np.zeros((5, 3)), {"dt": -1.0}, "dt=-1"),
        (np.zeros((5, 3, 2)), {"dt": 1.0}, "2 axes"),
        (np.zeros((5, 3)), {"dt": 1.0, "window": (3, 1)}, "run forward"),
        ({}, {}, "no spike train"),
    ],
)
def test_mistakes_are_named(ax: Axes, spikes: object, options: dict, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        plot.raster(spikes, ax=ax, **options)


def test_without_axes_a_figure_is_made(train: SpikeTrain) -> None:
    from matplotlib import pyplot

    drawn = plot.raster(train)
    assert drawn.figure.number in pyplot.get_fignums()
    pyplot.close(drawn.figure)
