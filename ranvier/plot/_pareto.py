"""Networks by two of their figures, with the front that none dominates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors import RanvierError
from ranvier.plot.axes import COLOURS, axes, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranvier.measure import Pareto

__all__ = ["pareto"]


def pareto(found: Pareto, x: str, y: str, *, ax: Axes | None = None) -> Axes:
    """Draw figure ``y`` of every network against figure ``x``: full dots for those that none dominates, hollow ones for the others.

    Parameters
    ----------
    found
        What ``rv.measure.pareto`` gives.
    x, y
        Two of its figures.
    ax
        Axes to draw in; new ones where None.

    Raises
    ------
    RanvierError
        For a figure that there is none of.

    >>> found = rv.measure.pareto({"a": {"accuracy": 0.9, "energy": 2.0}, "b": {"accuracy": 0.8, "energy": 3.0}})
    >>> ax = rv.plot.pareto(found, "energy", "accuracy")
    """
    for name in (x, y):
        if name not in found.columns:
            raise RanvierError(
                f"{name!r} is no figure of these networks: there are {', '.join(map(repr, found.columns))}."
            )
    ax = axes(ax)
    for name, row in found.rows.items():
        on = not found.dominated[name]
        ax.plot(row[x], row[y], "o", color=COLOURS[0], markerfacecolor=COLOURS[0] if on else "none", markersize=7)
        ax.annotate(
            name, (row[x], row[y]), xytext=(7, 4), textcoords="offset points", fontsize="small", parse_math=False,
            color="black" if on else "grey",
        )  # fmt: skip
    ax.margins(0.15)
    labels(ax, x, y)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_parse_math(False)
    return ax
