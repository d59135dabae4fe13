"""Counts stand in the row of the true and the column of the predicted class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.errors import ShapeError


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_counts(pairs: list[tuple[int, int]]) -> None:
    target, prediction = zip(*pairs, strict=True)
    drawn = plot.confusion_matrix(target, prediction, ax=Figure().add_subplot())
    counts = {(int(t.get_position()[1]), int(t.get_position()[0])): int(t.get_text()) for t in drawn.texts}
    assert counts == {pair: pairs.count(pair) for pair in pairs}


def test_names(ax: Axes) -> None:
    assert plot.confusion_matrix([0, 1], [0, 0], classes=["cat", "dog", "owl"], ax=ax) is ax
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cat", "dog", "owl"]


@pytest.mark.parametrize(
    ("target", "prediction", "options", "text"),
    [
        ([0, 1], [0], {}, "2 samples, prediction 1"),
        ([], [], {}, "0 samples"),
        ([0, 1.5], [0, 0], {}, "got 1.5"),
        ([0, -1], [0, 0], {}, "got -1"),
        ([0, 2], [0, 0], {"classes": ["a", "b"]}, "2 names"),
    ],
)
def test_mistakes_are_named(ax: Axes, target: list, prediction: list, options: dict, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        plot.confusion_matrix(target, prediction, ax=ax, **options)
