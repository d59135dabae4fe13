"""As many synapses from every presynaptic cell."""

from __future__ import annotations

import numpy as np

from ranvier.connectivity._connectivity import Ends, RowRule
from ranvier.connectivity._degree_rule import DegreeRule
from ranvier.kernels.drawing import distinct_rows, repeated_rows
from ranvier.kernels.tasks import RowDraw, RowSource

__all__ = ["FixedOutDegree"]


class FixedOutDegree(DegreeRule, RowRule):
    """Every presynaptic cell makes exactly ``degree`` synapses with cells drawn at random.

    Parameters
    ----------
    degree
        A whole number, or one per presynaptic cell.
    autapses
        Let a cell reach itself where a population connects to itself.
    multapses
        Let a pair of cells be joined more than once; without, a cell's targets are all different.

    Raises
    ------
    ConnectivityError
        Where there are not enough cells to reach.

    >>> names = net.connect("exc", "inh", rv.FixedOutDegree(10, multapses=False), to="v", weight=0.2*mV)
    """

    def expected(self, ends: Ends) -> int:
        """Cells times degree."""
        return int(self.degrees(ends, ends.sizes[0], "postsynaptic").sum())

    def rows(self, ends: Ends, key: tuple[int, int], first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Sorted targets of each cell."""
        pointer = np.zeros(stop - first + 1, np.int64)
        np.cumsum(self.degrees(ends, ends.sizes[0], "postsynaptic")[first:stop], out=pointer[1:])
        draw = RowDraw(key, first, ends.choices(self.autapses), ends.barred(self.autapses))
        return pointer, (repeated_rows if self.multapses else distinct_rows)(draw, pointer)

    def source(self, ends: Ends, key: tuple[int, int]) -> RowSource:
        """Rows one by one."""
        degree = np.atleast_1d(np.asarray(self.degree, np.int64))
        draw = RowDraw(key, 0, ends.choices(self.autapses), ends.barred(self.autapses))
        return RowSource(ends.sizes[0], draw, degree, multapses=self.multapses)
