"""As many synapses from every presynaptic cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends, RowRule
from ranvier.connectivity._numbers import degrees
from ranvier.kernels.drawing import RowDraw, RowSource, distinct_rows, repeated_rows

__all__ = ["FixedOutDegree"]


class FixedOutDegree(RowRule):
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

    >>> net.connect("exc", "inh", rv.FixedOutDegree(100, multapses=False), weight=0.2*mV)
    """

    def __init__(self, degree: Any, *, autapses: bool = True, multapses: bool = True) -> None:
        self.degree, self.autapses, self.multapses = degrees(degree, "FixedOutDegree: degree"), autapses, multapses

    def expected(self, ends: Ends) -> int:
        """Cells times degree."""
        return int(check(self, ends, ends.sizes[0], "postsynaptic").sum())

    def rows(self, ends: Ends, key: tuple[int, int], first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Sorted targets of each cell."""
        pointer = np.zeros(stop - first + 1, np.int64)
        np.cumsum(check(self, ends, ends.sizes[0], "postsynaptic")[first:stop], out=pointer[1:])
        draw = RowDraw(key, first, ends.choices(self.autapses), ends.barred(self.autapses))
        return pointer, (repeated_rows if self.multapses else distinct_rows)(draw, pointer)

    def source(self, ends: Ends, key: tuple[int, int]) -> RowSource:
        """Rows one by one."""
        degree = np.atleast_1d(np.asarray(self.degree, np.int64))
        draw = RowDraw(key, 0, ends.choices(self.autapses), ends.barred(self.autapses))
        return RowSource(ends.sizes[0], draw, degree, multapses=self.multapses)

    def __repr__(self) -> str:
        return spell(self)


def check(rule: Any, ends: Ends, cells: int, others: str) -> np.ndarray:
    """The degree of each of ``cells`` cells, if the cells on the other side suffice for it."""
    name, degree, choices = type(rule).__name__, rule.degree, ends.choices(rule.autapses)
    if degree.ndim and len(degree) != cells:
        raise ConnectivityError(f"{name}: {len(degree)} degrees were given for {cells} cells; give one per cell.")
    most = int(degree.max(initial=0))
    if choices < (min(1, most) if rule.multapses else most):
        raise ConnectivityError(
            f"{name}: {most} synapses per cell cannot be had from {choices} {others} cells; lower the degree or allow "
            f"{'autapses' if rule.multapses else 'multapses'}."
        )
    return np.broadcast_to(degree, (cells,))


def spell(rule: Any) -> str:
    """The rule as it would be written."""
    shown = int(rule.degree) if rule.degree.ndim == 0 else f"[{len(rule.degree)} degrees]"
    return f"{type(rule).__name__}({shown}, autapses={rule.autapses}, multapses={rule.multapses})"
