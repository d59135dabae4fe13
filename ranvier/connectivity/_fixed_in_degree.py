"""As many synapses onto every postsynaptic cell."""

from __future__ import annotations

from ranvier.connectivity._connectivity import Ends
from ranvier.connectivity._degree_rule import DegreeRule
from ranvier.connectivity._fixed_out_degree import FixedOutDegree
from ranvier.connectivity._synapses import Synapses
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
        turned = _turned(ends)
        sources = FixedOutDegree(self.degree, autapses=self.autapses, multapses=self.multapses)
        return Synapses(*transposed(*sources.rows(turned, key, 0, ends.sizes[1]), ends.sizes[0]), ends.sizes)


def _turned(ends: Ends) -> Ends:
    return Ends((ends.sizes[1], ends.sizes[0]), ends.same)
