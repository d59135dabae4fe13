"""One row per population, its mean written beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from ranvier import plot
from ranvier.errors import ShapeError
from ranvier.network import SpikeTrain


def test_means_and_names(ax: Axes, train: SpikeTrain) -> None:
    assert plot.rates({"exc": train, "inh": torch.tensor([10.0, 20.0])}, ax=ax) is ax
    assert [text.get_text() for text in ax.texts] == ["25.0 Hz", "15.0 Hz"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["inh", "exc"]


@pytest.mark.parametrize(
    ("populations", "text"),
    [({}, "no population"), ({"exc": np.zeros((2, 2))}, "1 axes"), ({"exc": np.zeros(0)}, "no cells")],
)
def test_mistakes_are_named(ax: Axes, populations: dict, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        plot.rates(populations, ax=ax)
