"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.errors import ShapeError
from ranvier.plot.axes import array_of, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion_matrix"]


def confusion_matrix(
    target: Any, prediction: Any, *, classes: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw counts of (true class, predicted class): rows are true, columns predicted, shade is the share of the row.

    Parameters
    ----------
    target, prediction
        Class of every sample [S], whole numbers from 0.
    classes
        Names of the classes; their numbers where None.
    ax
        Axes to draw in; new ones where None.

    Raises
    ------
    ShapeError
        When the two differ in length, hold anything but whole numbers from 0, or more classes than names.

    >>> ax = rv.plot.confusion_matrix([0, 1, 2, 2], [0, 1, 1, 2], classes=["a", "b", "c"])
    """
    truth, guess = array_of(target, "target [S]", 1), array_of(prediction, "prediction [S]", 1)
    if truth.shape != guess.shape or not truth.size:
        raise ShapeError(f"target has {truth.size} samples, prediction {guess.size}; give one of each per sample.")
    both = np.concatenate([truth, guess])
    if (both != np.rint(both)).any() or both.min() < 0:
        raise ShapeError(f"classes must be whole numbers from 0; got {both[(both != np.rint(both)) | (both < 0)][0]}.")
    count = int(both.max()) + 1
    names = [str(k) for k in range(count)] if classes is None else [str(name) for name in classes]
    if count > len(names):
        raise ShapeError(f"class {count - 1} occurs, but there are {len(names)} names; give one per class.")
    table = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(table, (truth.astype(int), guess.astype(int)), 1)
    ax = axes(ax)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    # The square root makes the rare mistakes visible beside the diagonal.
    ax.imshow(np.ma.masked_equal(share, 0) ** 0.5, cmap="Blues", vmin=-0.15, vmax=1.2, aspect="equal")
    for row, column in np.argwhere(table):
        shade = "white" if share[row, column] > 0.4 else "#10243c"
        ax.text(column, row, str(table[row, column]), ha="center", va="center", fontsize="small", color=shade)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    return ax
