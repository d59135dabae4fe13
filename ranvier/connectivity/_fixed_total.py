"""A given number of synapses between two populations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import Connectivity, ConnectivityError, Ends
from ranvier.connectivity._numbers import whole
from ranvier.connectivity._synapses import Synapses
from ranvier.kernels.drawing import distinct_rows, divided, divided_distinct, repeated_rows
from ranvier.kernels.tasks import RowDraw
from ranvier.values import flag

__all__ = ["FixedTotal"]


class FixedTotal(Connectivity):
    """Exactly ``total`` synapses, each between cells drawn at random (as in the cortical microcircuit of Potjans and
    Diesmann, *Cereb. Cortex* 24, 2014).

    Parameters
    ----------
    total
        Number of synapses.
    autapses
        Let a cell reach itself where a population connects to itself.
    multapses
        Let a pair of cells be joined more than once; without, all sets of ``total`` pairs are equally likely.

    Raises
    ------
    ConnectivityError
        Where there are fewer pairs than synapses.

    >>> names = net.connect("exc", "inh", rv.FixedTotal(2000), to="v", weight=rv.Normal(0.2*mV, 0.02*mV, low=0*mV))
    """

    def __init__(self, total: Any, *, autapses: bool = True, multapses: bool = True) -> None:
        self.total = whole(total, "FixedTotal: total")
        self.autapses = flag(autapses, "FixedTotal: autapses")
        self.multapses = flag(multapses, "FixedTotal: multapses")

    def expected(self, ends: Ends) -> int:
        """The total."""
        pairs = ends.sizes[0] * ends.choices(self.autapses)
        if pairs < (min(1, self.total) if self.multapses else self.total):
            raise ConnectivityError(
                f"FixedTotal: {self.total} synapses cannot be had from {pairs} pairs of cells; lower the total or allow "
                f"{'autapses' if self.multapses else 'multapses'}."
            )
        return self.total

    def build(self, ends: Ends, key: tuple[int, int]) -> Synapses:
        """First how many synapses each row gets (streams 1 and 2), then their targets."""
        pointer = self._pointer(ends, key)
        return Synapses(*self._rows(ends, key, pointer, 0, ends.sizes[0]), ends.sizes)

    def share(self, ends: Ends, key: tuple[int, int], low: int, high: int) -> Synapses:
        """The targets of some rows at a time."""
        from ranvier.connectivity._share import joined_rows, row_tiles  # of several processes alone

        pointer, tiles = self._pointer(ends, key), row_tiles(ends, self.total)
        return joined_rows((self._rows(ends, key, pointer, *tile) for tile in tiles), ends, low, high)

    def _pointer(self, ends: Ends, key: tuple[int, int]) -> np.ndarray:
        """Where the rows begin."""
        self.expected(ends)
        rows = ends.sizes[0]
        if self.multapses:
            counts = divided(key, self.total, rows, 1)
        else:
            counts = divided_distinct(key, self.total, rows, ends.choices(self.autapses), 1)
        pointer = np.zeros(rows + 1, np.int64)
        np.cumsum(counts, out=pointer[1:])
        return pointer

    def _rows(
        self, ends: Ends, key: tuple[int, int], pointer: np.ndarray, first: int, stop: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Row pointer, from 0, and targets of the rows ``first`` … ``stop`` - 1."""
        own = pointer[first : stop + 1] - pointer[first]
        draw = RowDraw(key, first, ends.choices(self.autapses), ends.barred(self.autapses))
        return own, (repeated_rows if self.multapses else distinct_rows)(draw, own)

    def __repr__(self) -> str:
        return f"FixedTotal({self.total}, autapses={self.autapses}, multapses={self.multapses})"
