"""Firing rates of populations or layers, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.errors import ShapeError
from ranvier.network import SpikeTrain
from ranvier.plot.axes import COLOURS, array_of, axes, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["rates"]


def rates(populations: Mapping[str, SpikeTrain | Any], *, ax: Axes | None = None) -> Axes:
    """Draw the firing rates of each population's cells in Hz: one row each, mean as a dot.

    The thin line spans the 5th to the 95th percentile of the cells, the thick line the quartiles; the mean is written
    beside its dot.

    Parameters
    ----------
    populations
        By name, the first on top: a recorded :class:`SpikeTrain`, or the rate of each
        cell in Hz [N].
    ax
        Axes to draw in; new ones where None.

    Raises
    ------
    ShapeError
        When there is no population, or one without cells.

    >>> run = net.run(300*ms, record={"exc": ["spikes"], "inh": ["spikes"]})
    >>> ax = rv.plot.rates({"exc": run["exc"].spikes, "inh": run["inh"].spikes})
    """
    if not populations:
        raise ShapeError("rates got no population; give at least one by name.")
    ax = axes(ax)
    names = list(populations)
    for k, name in enumerate(names):
        given = populations[name]
        cells = given.rates() if isinstance(given, SpikeTrain) else array_of(given, f"rates of {name!r} [N]", 1)
        if not cells.size:
            raise ShapeError(f"population {name!r} has no cells; leave it out.")
        row, colour, mean = len(names) - 1 - k, COLOURS[k % len(COLOURS)], float(cells.mean())
        least, lower, upper, most = np.percentile(cells, [5, 25, 75, 95])
        ax.hlines(row, least, most, colors=colour, linewidth=1.2)
        ax.hlines(row, lower, upper, colors=colour, linewidth=7, alpha=0.45)
        ax.plot(mean, row, "o", color=colour, markersize=6)
        ax.annotate(
            f"{mean:.1f} Hz", (mean, row), xytext=(0, 9), textcoords="offset points", ha="center", fontsize="small"
        )
    ax.set_yticks(range(len(names)), names[::-1])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(names) - 0.3)
    ax.set_xlim(left=0)
    ax.margins(x=0.08)
    return labels(ax, "firing rate (Hz)", "")
