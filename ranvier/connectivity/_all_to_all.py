"""Every cell to every cell."""

from __future__ import annotations

import numpy as np

from ranvier.connectivity._connectivity import Ends, RowRule
from ranvier.values import flag

__all__ = ["AllToAll"]


class AllToAll(RowRule):
    """Every presynaptic cell reaches every postsynaptic cell once.

    ``autapses`` lets a cell reach itself where a population connects to itself.

    >>> names = net.connect("exc", "inh", rv.AllToAll(), to="v", weight=0.1*mV)
    """

    def __init__(self, *, autapses: bool = True) -> None:
        self.autapses = flag(autapses, "AllToAll: autapses")

    def expected(self, ends: Ends) -> int:
        """Pre times post."""
        return ends.sizes[0] * ends.choices(self.autapses)

    def rows(self, ends: Ends, key: tuple[int, int], first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """All targets."""
        choices = ends.choices(self.autapses)
        target = np.tile(np.arange(choices, dtype=np.int32), (stop - first, 1))
        if ends.barred(self.autapses):
            target += target >= np.arange(first, stop)[:, None]
        return np.arange(stop - first + 1, dtype=np.int64) * choices, target.reshape(-1)

    def __repr__(self) -> str:
        return f"AllToAll(autapses={self.autapses})"
