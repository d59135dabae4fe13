"""State of chosen cells at a chosen interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ranvier.errors import ShapeError

__all__ = ["Sample"]


class Sample:
    """Ask ``net.run`` for a variable of some cells (or synapses) at an interval of its own.

    Parameters
    ----------
    variable
        Name of a variable, such as ``"v"`` or, of a plastic projection, ``"w"``.
    cells
        Which cells or synapses, in the order wanted; all where None.
    every
        Interval between samples, a time; that of the run where None.

    The array [samples, cells] is ``run["exc"].v``, its times in ms ``run["exc"].times_of("v")``.

    >>> run = net.run(100*ms, record={"exc": ["spikes", rv.Sample("v", cells=[0, 7], every=1*ms)]})
    """

    def __init__(self, variable: str, cells: Sequence[int] | np.ndarray | None = None, *, every: Any = None) -> None:
        if not isinstance(variable, str) or variable in ("spikes", "spike"):
            raise ShapeError(
                f"Sample: variable={variable!r} must be the name of a variable, such as 'v'; spikes are recorded with "
                "'spikes' beside it."
            )
        self.variable, self.every = variable, every
        self.cells = None
        if cells is not None:
            chosen = np.asarray(cells)
            if chosen.ndim != 1 or not chosen.size or not np.issubdtype(chosen.dtype, np.integer):
                raise ShapeError(f"Sample: cells={cells!r} must be a list of whole numbers.")
            self.cells = chosen.astype(np.int64)

    def __repr__(self) -> str:
        return f"Sample({self.variable!r}, {None if self.cells is None else self.cells.tolist()}, every={self.every})"
