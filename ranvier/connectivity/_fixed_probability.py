"""Every possible synapse with one probability."""

from __future__ import annotations

import numpy as np

from ranvier.connectivity._all_to_all import AllToAll
from ranvier.connectivity._connectivity import ConnectivityError, Ends, RowRule
from ranvier.connectivity._numbers import probability
from ranvier.kernels.drawing import bernoulli_rows
from ranvier.kernels.tasks import RowDraw, RowSource
from ranvier.values import flag

__all__ = ["FixedProbability"]


class FixedProbability(RowRule):
    """Every possible synapse exists with probability ``p``, independently of all others (an Erdős–Rényi graph).

    Parameters
    ----------
    p
        From 0 to 1.
    autapses
        Let a cell reach itself where a population connects to itself.

    >>> names = net.connect("exc", ["exc", "inh"], rv.FixedProbability(0.02), to="g_e", weight=0.6)
    """

    def __init__(self, p: float, *, autapses: bool = True) -> None:
        self.p, self.autapses = probability(p, "FixedProbability: p"), flag(autapses, "FixedProbability: autapses")

    def expected(self, ends: Ends) -> int:
        """p times all pairs."""
        return int(self.p * ends.sizes[0] * ends.choices(self.autapses))

    def rows(self, ends: Ends, key: tuple[int, int], first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Geometric gaps from target to target."""
        choices = ends.choices(self.autapses)
        if self.p == 0 or choices == 0:
            return np.zeros(stop - first + 1, np.int64), np.empty(0, np.int32)
        if self.p == 1:
            return AllToAll(autapses=self.autapses).rows(ends, key, first, stop)
        return bernoulli_rows(RowDraw(key, first, choices, ends.barred(self.autapses)), stop - first, self.p)

    def source(self, ends: Ends, key: tuple[int, int]) -> RowSource:
        """Rows one by one."""
        choices = ends.choices(self.autapses)
        if self.p in (0, 1) or choices == 0:
            raise ConnectivityError(f"{self!r} is the same for every cell: it needs no drawing; leave Procedural out.")
        return RowSource(ends.sizes[0], RowDraw(key, 0, choices, ends.barred(self.autapses)), p=self.p)

    def __repr__(self) -> str:
        return f"FixedProbability({self.p:g}, autapses={self.autapses})"
