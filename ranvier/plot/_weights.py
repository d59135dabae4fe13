"""Weights as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.errors import ShapeError
from ranvier.plot.axes import array_of, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["weights"]


def weights(
    weight: Any, *, shape: tuple[int, int] | None = None, columns: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a weight matrix, blue below zero and red above, on a scale symmetric about zero.

    Parameters
    ----------
    weight
        [out, in].
    shape
        Height and width of the input, when it is an image: each row of ``weight`` is then drawn as an image of its own,
        the receptive field of one cell, scaled to its own largest weight.
    columns
        Receptive fields per row; about twice as many as rows where None.
    ax
        Axes to draw in; new ones where None.

    Raises
    ------
    ShapeError
        When ``weight`` has not two axes, or ``shape`` does not hold as many pixels as there are inputs.

    >>> layer = rv.Linear(64, 60)
    >>> ax = rv.plot.weights(layer.weight, shape=(8, 8))
    """
    matrix = array_of(weight, "weight [out, in]", 2)
    if not matrix.size:
        raise ShapeError(f"weight has shape {matrix.shape}; there is nothing to draw.")
    if shape is not None:
        ax = axes(ax)
        ax.imshow(_tiles(matrix, shape, columns), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        ax.set_axis_off()
        return ax
    ax = axes(ax)
    limit = float(np.abs(matrix).max()) or 1.0
    image = ax.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label="weight")
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    return ax


def _tiles(matrix: np.ndarray, shape: tuple[int, int], columns: int | None) -> np.ma.MaskedArray:
    """Every row of ``matrix`` as an image, in a grid with gaps of one pixel that are masked."""
    height, width = shape
    count, pixels = matrix.shape
    if height * width != pixels or min(shape) < 1:
        raise ShapeError(f"shape={shape} holds {height * width} pixels, but each cell has {pixels} inputs.")
    wide = columns if columns is not None else max(1, round((2 * count) ** 0.5))
    if wide < 1:
        raise ShapeError(f"columns={columns} must be a positive whole number.")
    deep = -(-count // wide)
    grid = np.full((deep * (height + 1) - 1, wide * (width + 1) - 1), np.nan)
    for k, field in enumerate(matrix):
        top, left = (k // wide) * (height + 1), (k % wide) * (width + 1)
        grid[top : top + height, left : left + width] = field.reshape(shape) / (np.abs(field).max() or 1.0)
    return np.ma.masked_invalid(grid)
