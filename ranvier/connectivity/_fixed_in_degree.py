"""As many synapses onto every postsynaptic cell."""

from __future__ import annotations

import numpy as np

from ranvier.connectivity._connectivity import Ends
from ranvier.connectivity._degree_rule import DegreeRule
from ranvier.connectivity._fixed_out_degree import FixedOutDegree
from ranvier.connectivity._synapses import Places, Synapses
from ranvier.kernels.drawing import transposed

__all__ = ["FixedInDegree"]


class FixedInDegree(DegreeRule):
    """Every postsynaptic cell receives exactly ``degree`` synapses from cells drawn at random.

    Parameters
    ----------
    degree
        A whole number, or one per postsynaptic cell.
    autapses
        Let a cell reach itself where a population connects to itself.
    multapses
        Let a pair of cells be joined more than once; without, a cell's sources are all different.

    Raises
    ------
    ConnectivityError
        Where there are not enough cells to draw from.

    >>> names = net.connect("exc", "exc", rv.FixedInDegree(80, autapses=False), to="v", weight=0.1*mV)
    """

    scratch = 4

    def expected(self, ends: Ends) -> int:
        """Cells times degree."""
        return int(self.degrees(_turned(ends), ends.sizes[1], "presynaptic").sum())

    def build(self, ends: Ends, key: tuple[int, int]) -> Synapses:
        """Sources of every cell are drawn, then sorted by presynaptic cell."""
        self.expected(ends)
        return Synapses(*transposed(*self._sources(ends, key, 0, ends.sizes[1]), ends.sizes[0]), ends.sizes)

    def share(self, ends: Ends, key: tuple[int, int], low: int, high: int) -> Synapses:
        """Sources of own cells are kept, those of others counted."""
        from ranvier.connectivity._share import row_tiles  # of several processes alone

        before, after = np.zeros(ends.sizes[0], np.int64), np.zeros(ends.sizes[0], np.int64)
        expected = self.expected(ends)
        for counts, first, stop in ((before, 0, low), (after, high, ends.sizes[1])):
            for some in row_tiles(_turned(ends), expected):
                begin, end = max(some[0], first), min(some[1], stop)
                if begin < end:
                    counts += np.bincount(self._sources(ends, key, begin, end)[1], minlength=ends.sizes[0])
        pointer, target = transposed(*self._sources(ends, key, low, high), ends.sizes[0])
        lengths = before + np.diff(pointer) + after
        begin = np.cumsum(lengths) - lengths + before
        target += np.int32(low)
        return Synapses(pointer, target, ends.sizes, places=Places(pointer, begin, int(lengths.sum())))

    def _sources(
        self, ends: Ends, key: tuple[int, int], first: int, stop: int
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Those of the cells ``first`` … ``stop`` - 1, a row for each."""
        sources = FixedOutDegree(self.degree, autapses=self.autapses, multapses=self.multapses)
        return sources.rows(_turned(ends), key, first, stop)


def _turned(ends: Ends) -> Ends:
    return Ends((ends.sizes[1], ends.sizes[0]), ends.same)
