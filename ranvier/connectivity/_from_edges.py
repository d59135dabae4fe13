"""Synapses from a list of edges between named cells."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends
from ranvier.connectivity._from_arrays import Given

__all__ = ["FromEdges"]


class FromEdges(Given):
    """One synapse per edge ``(pre, post)``, ``(pre, post, weight)`` or ``(pre, post, weight, delay)``.

    Weights and delays are carried: ``weight`` and ``delay`` of ``connect`` multiply them (and give their unit).

    Parameters
    ----------
    edges
        Rows of equal length.
    nodes
        The names of the cells in their order, or how many cells there are if the names are the numbers from 0. Left out:
        all names that occur, sorted.

    Attributes
    ----------
    nodes
        The names of the cells in their order; the population needs as many cells.

    >>> rule = rv.FromEdges([("AVAL", "DA1", 4), ("AVAL", "DA2", 1)])
    >>> net.population("worm", len(rule.nodes), cell)
    >>> net.connect("worm", "worm", rule, weight=0.1*mV)
    """

    def __init__(self, edges: Iterable[Sequence[Any]], nodes: Sequence[Hashable] | int | None = None) -> None:
        if not isinstance(edges, Iterable):
            raise ConnectivityError(f"{self._name}: edges={edges!r} must be a list of edges such as ('A', 'B', 4).")
        rows = list(edges)
        lone = next((k for k, row in enumerate(rows) if not isinstance(row, Sequence | np.ndarray)), None)
        if lone is not None:
            raise ConnectivityError(f"{self._name}: edge {lone} is {rows[lone]!r}; give pairs such as ('A', 'B').")
        width = len(rows[0]) if rows else 2
        for k, row in enumerate(rows):
            if len(row) != width or not 2 <= width <= 4:
                raise ConnectivityError(
                    f"{self._name}: edge {k} is {tuple(row)!r}; give (pre, post), (pre, post, weight) or "
                    f"(pre, post, weight, delay), all of one length."
                )
        names = [row[0] for row in rows], [row[1] for row in rows]
        if nodes is None:
            try:
                self.nodes: tuple[Hashable, ...] = tuple(sorted({*names[0], *names[1]}))
            except TypeError:
                raise ConnectivityError(
                    f"{self._name}: the names of the cells cannot be sorted; give their order as nodes=[…]."
                ) from None
        else:
            if isinstance(nodes, bool | str) or not isinstance(nodes, int | np.integer | Iterable):
                raise ConnectivityError(
                    f"{self._name}: nodes={nodes!r} must be the names of the cells, or their number."
                )
            self.nodes = tuple(range(nodes)) if isinstance(nodes, int | np.integer) else tuple(nodes)
        place = {name: k for k, name in enumerate(self.nodes)}
        if len(place) != len(self.nodes):
            raise ConnectivityError(f"{self._name}: a name occurs twice in nodes; give every cell a name of its own.")
        try:
            pre, post = (np.array([place[name] for name in side], np.int64) for side in names)
        except KeyError as error:
            raise ConnectivityError(
                f"{self._name}: an edge names {error.args[0]!r}, which nodes do not hold."
            ) from None
        columns = {name: [row[k] for row in rows] for k, name in ((2, "weight"), (3, "delay")) if k < width}
        super().__init__(pre, post, {name: self._numbers(name, values) for name, values in columns.items()})

    def _numbers(self, name: str, values: list[Any]) -> np.ndarray:
        try:
            return np.array([float(value) for value in values])
        except (TypeError, ValueError) as error:
            raise ConnectivityError(f"{self._name}: a {name} is no number ({error}).") from None

    def expected(self, ends: Ends) -> int:
        """As many as there are edges."""
        for size in ends.sizes:
            if size != len(self.nodes):
                raise ConnectivityError(
                    f"{self._name} holds {len(self.nodes)} cells, the population has {size}: make it of "
                    f"len(rule.nodes) cells, or give nodes=… with the names of all."
                )
        return len(self.pre)
