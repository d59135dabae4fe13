"""Scores over epochs, for one run or for several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.errors import ShapeError
from ranvier.plot.axes import COLOURS, axes, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["learning_curve"]


def learning_curve(
    curves: Mapping[str, Any],
    *,
    best: int | Sequence[int] | None = None,
    label: str = "accuracy",
    ax: Axes | None = None,
) -> Axes:
    """Draw scores over epochs: one line for a single run, mean with the range of the runs shaded for several.

    Parameters
    ----------
    curves
        By name, such as ``train`` and ``validation``: [epochs], or [runs, epochs]. Epochs count from 1.
    best
        The epoch (or one per run) whose parameters were kept, marked on the horizontal axis.
    label
        Name of the score.
    ax
        Axes to draw in; new ones where None.

    Raises
    ------
    ShapeError
        When there is no curve or one is neither [epochs] nor [runs, epochs].

    >>> ax = rv.plot.learning_curve({"train": [0.5, 0.8, 0.9], "validation": [0.5, 0.7, 0.75]})
    """
    if not curves:
        raise ShapeError("learning_curve got no curve; give at least one by name.")
    ax = axes(ax)
    for k, (name, given) in enumerate(curves.items()):
        runs = np.atleast_2d(np.asarray(given, dtype=np.float64))
        if runs.ndim != 2 or not runs.size:
            raise ShapeError(f"curve {name!r} has shape {np.shape(given)}; give [epochs] or [runs, epochs].")
        epochs, colour = np.arange(1, runs.shape[1] + 1), COLOURS[k % len(COLOURS)]
        if len(runs) > 1:
            ax.fill_between(epochs, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2, linewidth=0)
        ax.plot(epochs, runs.mean(axis=0), color=colour, linewidth=1.6, label=name)
    if best is not None:
        marks = np.atleast_1d(best)
        ax.plot(
            marks, np.full(len(marks), 0.02), "^", color="#888888", markersize=5, transform=ax.get_xaxis_transform()
        )
    ax.legend(frameon=False)
    return labels(ax, "epoch", label)
