"""Variables of single cells over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.errors import ShapeError
from ranvier.network import SpikeTrain
from ranvier.plot.axes import COLOURS, array_of, axes, check_window, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["traces"]


def traces(
    values: Any,
    times: Any,
    *,
    cells: Sequence[int] = (0, 1, 2),
    window: tuple[float, float] | None = None,
    spikes: SpikeTrain | None = None,
    peak: float | None = None,
    threshold: float | None = None,
    label: str = "v (mV)",
    ax: Axes | None = None,
) -> Axes:
    """Draw a variable of a few cells as lines over time in ms.

    Parameters
    ----------
    values
        [samples, cells], for example ``run["exc"].v``.
    times
        Time of every sample in ms, for example ``run["exc"].times``.
    cells
        Which cells to draw.
    window
        Show only (from, to) in ms.
    spikes, peak
        Draw a stroke from the line up to ``peak`` where the cell fired: models with a reset leave the upstroke out.
        ``peak`` None puts it a quarter of the range above the highest value.
    threshold
        A dashed line at this value.
    label
        Name and unit of the variable.
    ax
        Axes to draw in; new ones where None.

    Raises
    ------
    ShapeError
        When the axes disagree, a cell does not exist or the window runs backwards.

    >>> run = net.run(300*ms, record={"exc": ["spikes", "v"]})
    >>> ax = rv.plot.traces(run["exc"].v, run["exc"].times, spikes=run["exc"].spikes, threshold=-50)
    """
    v, t = array_of(values, "values [samples, cells]", 2), array_of(times, "times [samples]", 1)
    if len(v) != len(t):
        raise ShapeError(f"values hold {len(v)} samples, times {len(t)}; give one time per sample.")
    missing = [cell for cell in cells if not 0 <= cell < v.shape[1]]
    if missing:
        raise ShapeError(f"cell {missing[0]} was not recorded: values hold cells 0 to {v.shape[1] - 1}.")
    ax = axes(ax)
    low, high = check_window(window, *((t[0], t[-1]) if len(t) else (0.0, 1.0)))
    shown = (t >= low) & (t <= high)
    v, t = v[shown][:, list(cells)], t[shown]
    top = peak if peak is not None else float(np.max(v) + 0.25 * np.ptp(v)) if v.size else 0.0
    for k, cell in enumerate(cells):
        colour = COLOURS[k % len(COLOURS)]
        if spikes is not None:
            fired = spikes.times[spikes.cell == cell]
            fired = fired[(fired >= low) & (fired <= high)]
            before = v[np.clip(np.searchsorted(t, fired - 0.5 * spikes.dt) - 1, 0, len(t) - 1), k] if len(t) else fired
            ax.vlines(fired, before, top, colors=colour, linewidth=0.9)
        ax.plot(t, v[:, k], color=colour, linewidth=0.9, label=f"cell {cell}")
    if threshold is not None:
        ax.axhline(threshold, color="#888888", linewidth=0.8, linestyle=(0, (4, 4)), zorder=0)
    ax.set_xlim(low, high)
    return labels(ax, "time (ms)", label)
