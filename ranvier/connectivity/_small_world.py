"""A ring of neighbours with some connections thrown far."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends, RowRule
from ranvier.connectivity._numbers import probability, whole
from ranvier.kernels.drawing import row_uniforms
from ranvier.kernels.pool import run_tiles
from ranvier.kernels.tasks import RowDraw

__all__ = ["SmallWorld"]

_TILE = 1 << 18  # synapses made together


class SmallWorld(RowRule):
    """Cells on a ring reach their nearest ``neighbours``; each synapse is moved with probability ``p`` to a cell drawn at
    random that is not reached yet (the directed form of D. J. Watts and S. H. Strogatz, *Nature* 393, 1998).

    Parameters
    ----------
    neighbours
        Synapses per cell, an even number: half on either side.
    p
        0 leaves the ring, 1 makes a random graph.

    Raises
    ------
    ConnectivityError
        For populations of different size, or with too few cells.

    >>> names = net.connect("cells", "cells", rv.SmallWorld(20, 0.1), to="v", weight=0.2*mV)
    """

    scratch = 40

    def __init__(self, neighbours: Any, p: Any) -> None:
        self.neighbours, self.p = whole(neighbours, "SmallWorld: neighbours", 2), probability(p, "SmallWorld: p")
        if self.neighbours % 2:
            raise ConnectivityError(f"SmallWorld: neighbours={neighbours} must be even, half on either side.")

    def expected(self, ends: Ends) -> int:
        """Cells times neighbours."""
        if ends.sizes[0] != ends.sizes[1]:
            raise ConnectivityError(
                f"SmallWorld joins populations of equal size, got {ends.sizes[0]} and {ends.sizes[1]}."
            )
        if self.neighbours >= ends.sizes[0]:
            raise ConnectivityError(
                f"SmallWorld: {self.neighbours} neighbours cannot be had from {ends.sizes[0]} cells on a ring; "
                f"lower them below the number of cells."
            )
        return ends.sizes[0] * self.neighbours

    def rows(self, ends: Ends, key: tuple[int, int], first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """The neighbours of each cell, some of them moved."""
        at_once = max(1, _TILE // self.neighbours)
        out = np.empty((stop - first, self.neighbours), np.int32)
        starts = range(first, stop, at_once)

        def task(i: int) -> None:
            low, high = starts[i], min(starts[i] + at_once, stop)
            out[low - first : high - first] = np.sort(self._some(ends.sizes[0], key, low, high), 1)

        run_tiles(task, len(starts))
        return np.arange(stop - first + 1, dtype=np.int64) * self.neighbours, out.reshape(-1)

    def _some(self, cells: int, key: tuple[int, int], first: int, stop: int) -> np.ndarray:
        half, k, rows = self.neighbours // 2, self.neighbours, stop - first
        pointer = np.arange(rows + 1, dtype=np.int64) * k

        def numbers(stream: int) -> np.ndarray:
            return row_uniforms(RowDraw(key, first, cells, stream=stream), pointer).reshape(rows, k)

        own = np.arange(first, stop)[:, None]
        target = (own + np.concatenate([np.arange(-half, 0), np.arange(1, half + 1)])) % cells
        open_ = numbers(0) < self.p
        stream = 1
        while open_.any():  # draw again what is taken already; each stays uniform over what is free
            drawn = (numbers(stream) * (cells - 1)).astype(np.int64)
            target = np.where(open_, drawn + (drawn >= own), target)
            rank = target * 2 + open_
            order = np.argsort(rank, 1, kind="stable")
            again = np.zeros_like(open_)
            sorted_ = np.take_along_axis(target, order, 1)
            np.put_along_axis(again, order[:, 1:], sorted_[:, 1:] == sorted_[:, :-1], 1)
            open_, stream = again, stream + 1
        return target

    def __repr__(self) -> str:
        return f"SmallWorld({self.neighbours}, {self.p:g})"
