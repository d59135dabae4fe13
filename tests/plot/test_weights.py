"""A matrix is an image; rows over an image are images in a grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from ranvier import plot
from ranvier.errors import ShapeError

WEIGHT = torch.arange(-12.0, 12.0).reshape(4, 6)


def test_a_matrix_is_drawn_on_a_symmetric_scale(ax: Axes) -> None:
    assert plot.weights(torch.nn.Parameter(WEIGHT), ax=ax) is ax
    (image,) = ax.get_images()
    assert np.array_equal(image.get_array(), WEIGHT)
    assert image.get_clim() == (-12, 12)


def test_receptive_fields_stand_in_a_grid(ax: Axes) -> None:
    plot.weights(WEIGHT, shape=(2, 3), columns=3, ax=ax)
    grid = ax.get_images()[0].get_array()
    assert grid.shape == (2 * 3 - 1, 3 * 4 - 1)
    assert np.allclose(grid[:2, 4:7], WEIGHT[1].reshape(2, 3) / 6)
    assert np.ma.getmaskarray(grid)[2].all()
    assert np.ma.getmaskarray(grid)[3:, 4:].all()


def test_zeros_can_be_drawn(ax: Axes) -> None:
    assert plot.weights(np.zeros((2, 4)), shape=(2, 2), ax=ax) is ax


@pytest.mark.parametrize(
    ("weight", "options", "text"),
    [
        (WEIGHT[0], {}, "2 axes"),
        (WEIGHT[:0], {}, "nothing to draw"),
        (WEIGHT, {"shape": (2, 2)}, "4 pixels, but each cell has 6"),
        (WEIGHT, {"shape": (2, 3), "columns": 0}, "columns=0"),
    ],
)
def test_mistakes_are_named(ax: Axes, weight: torch.Tensor, options: dict, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        plot.weights(weight, ax=ax, **options)
