"""Spike rasters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.errors import ShapeError
from ranvier.network import SpikeTrain
from ranvier.plot.axes import COLOURS, array_of, axes, check_window, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["raster"]


def raster(
    spikes: SpikeTrain | Mapping[str, SpikeTrain] | Any,
    *,
    dt: float | None = None,
    cells: int | Mapping[str, int] | None = None,
    window: tuple[float, float] | None = None,
    size: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a dot for every spike: time in ms to the right, cells upwards.

    Parameters
    ----------
    spikes
        A recorded :class:`SpikeTrain`; several by name, stacked upwards in their own colours; or a dense array [T, N]
        with non-zero entries where cells fired.
    dt
        Step length in ms of a dense array.
    cells
        Show only the first so many cells: of each train, or by name.
    window
        Show only (from, to] in ms.
    size
        Area of a dot in points squared; chosen by the number of rows where None.
    ax
        Axes to draw in; new ones where None.

    Raises
    ------
    ShapeError
        For a dense array that is not [T, N] or comes without ``dt``, and a window that runs backwards.

    >>> run = net.run(300*ms, record={"exc": ["spikes"], "inh": ["spikes"]})
    >>> ax = rv.plot.raster({"exc": run["exc"].spikes, "inh": run["inh"].spikes}, cells=100, window=(0, 300))
    """
    ax = axes(ax)
    trains = dict(spikes) if isinstance(spikes, Mapping) else {"": spikes}
    drawn = {name: train if isinstance(train, SpikeTrain) else _dense(train, dt) for name, train in trains.items()}
    if not drawn:
        raise ShapeError("raster got no spike train; give at least one, for example run['exc'].spikes.")
    first = min(train.first * train.dt for train in drawn.values())
    last = max((train.first + train.steps) * train.dt for train in drawn.values())
    low, high = check_window(window, first, last)
    most = cells if isinstance(cells, Mapping) else dict.fromkeys(drawn, cells)
    rows = {name: train.size if (n := most.get(name)) is None else min(train.size, n) for name, train in drawn.items()}
    area = size if size is not None else float(np.clip(600 / max(sum(rows.values()), 1), 0.5, 12))
    floor = 0
    for k, (name, train) in enumerate(drawn.items()):
        times = train.times
        shown = (train.cell < rows[name]) & (times > low) & (times <= high)
        colour = COLOURS[k % len(COLOURS)]
        ax.scatter(
            times[shown], train.cell[shown] + floor, s=area, c=colour, marker="o", linewidths=0, label=name or None
        )
        floor += rows[name]
    if len(drawn) > 1:
        middle = np.cumsum([0, *rows.values()])
        ax.set_yticks((middle[:-1] + middle[1:] - 1) / 2, [f"{name}\n({count})" for name, count in rows.items()])
        ax.tick_params(axis="y", length=0)
    ax.set_xlim(low, high)
    ax.set_ylim(-0.5, max(floor, 1) - 0.5)
    return labels(ax, "time (ms)", "" if len(drawn) > 1 else "cell")


def _dense(values: Any, dt: float | None) -> SpikeTrain:
    if dt is None or not dt > 0:
        raise ShapeError(f"a dense raster needs the step length in ms; got dt={dt!r}, give for example dt=1.0.")
    fired = array_of(values, "spikes [T, N]", 2)
    step, cell = np.nonzero(fired)
    return SpikeTrain(step, cell, dt, fired.shape[1], 0, fired.shape[0])
