"""What every figure shares: axes to draw in, colours that can be read on light and dark, arrays from tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "array_of", "axes", "check_window", "labels"]

#: of middling lightness, so that each stands out on white and on near-black
COLOURS = ("#2f81c7", "#d9742b", "#3f9d63", "#b0589e", "#8a7d2e", "#5f6fd0")


def axes(ax: Axes | None) -> Axes:
    """``ax`` itself, or the axes of a new pyplot figure."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]


def labels(ax: Axes, x: str, y: str) -> Axes:
    """Name the axes and leave only the two lines that carry them."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def array_of(values: Any, what: str, ndim: int) -> np.ndarray:
    """An array or tensor on any device as a float64 array of ``ndim`` axes.

    Raises
    ------
    ShapeError
        When it has another number of axes.
    """
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=np.float64)
    if array.ndim != ndim:
        raise ShapeError(f"{what} has shape {array.shape}; give an array with {ndim} axes.")
    return array


def check_window(window: tuple[float, float] | None, first: float, last: float) -> tuple[float, float]:
    """The interval to show in ms; all of ``first`` to ``last`` by default.

    Raises
    ------
    ShapeError
        When it does not run forward.
    """
    low, high = (first, last) if window is None else window
    if not low <= high:
        raise ShapeError(f"window={window!r} does not run forward; give (from, to) in ms, for example (0, 300).")
    return low, high
