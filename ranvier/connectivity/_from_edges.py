"""Synapses from a list of edges between named cells."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends
from ranvier.connectivity._from_arrays import Given
from ranvier.limits import need

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
    >>> worm = net.population("worm", len(rule.nodes), cell)
    >>> names = net.connect("worm", "worm", rule, to="v", weight=0.1*mV)
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
        place: dict[Hashable, int] = {}
        try:
            pre, post = (
                np.array([place.setdefault(row[side], len(place)) for row in rows], np.int64) for side in (0, 1)
            )
        except TypeError as error:
            raise ConnectivityError(
                f"{self._name}: a cell has an invalid name ({error}); give texts or numbers."
            ) from None
        columns = {name: [row[k] for row in rows] for k, name in ((2, "weight"), (3, "delay")) if k < width}
        carried = {name: self._numbers(name, values) for name, values in columns.items()}
        self._place(list(place), pre, post, carried, nodes)

    @classmethod
    def of_columns(
        cls,
        names: Sequence[Hashable],
        pre: np.ndarray,
        post: np.ndarray,
        carried: dict[str, np.ndarray],
        nodes: Sequence[Hashable] | int | None = None,
    ) -> FromEdges:
        """From places ``pre`` and ``post`` among ``names``, and the numbers of every edge by name."""
        made = cls.__new__(cls)
        made._place(names, pre, post, carried, nodes)
        return made

    def _place(
        self, names: Sequence[Hashable], pre: np.ndarray, post: np.ndarray, carried: dict[str, np.ndarray], nodes: Any
    ) -> None:
        """Number the cells by ``nodes``, and take the synapses."""
        self.nodes = self._order(names, nodes)
        place = {name: k for k, name in enumerate(self.nodes)}
        if len(place) != len(self.nodes):
            raise ConnectivityError(f"{self._name}: a name occurs twice in nodes; give every cell a name of its own.")
        try:
            number = np.array([place[name] for name in names], np.int64)
        except KeyError as error:
            raise ConnectivityError(
                f"{self._name}: an edge names {error.args[0]!r}, which nodes do not hold."
            ) from None
        Given.__init__(self, number[pre] if len(pre) else pre, number[post] if len(post) else post, carried)

    def _order(self, names: Sequence[Hashable], nodes: Any) -> tuple[Hashable, ...]:
        """The names of the cells in their order."""
        if nodes is None:
            try:
                return tuple(sorted(names))  # pyright: ignore[reportArgumentType]
            except TypeError:
                raise ConnectivityError(
                    f"{self._name}: the names of the cells cannot be sorted; give their order as nodes=[…]."
                ) from None
        if isinstance(nodes, bool | str) or not isinstance(nodes, int | np.integer | Iterable):
            raise ConnectivityError(f"{self._name}: nodes={nodes!r} must be the names of the cells, or their number.")
        if not isinstance(nodes, int | np.integer):
            return tuple(nodes)
        need(150 * max(0, int(nodes)), f"{self._name}: nodes={nodes:,}", "give fewer cells", ConnectivityError)
        return tuple(range(nodes))

    def _numbers(self, name: str, values: list[Any]) -> np.ndarray:
        try:
            return np.array([float(value) for value in values])
        except (TypeError, ValueError) as error:
            raise ConnectivityError(f"{self._name}: a {name} is not a number ({error}).") from None

    def expected(self, ends: Ends) -> int:
        """As many as there are edges."""
        for size in ends.sizes:
            if size != len(self.nodes):
                raise ConnectivityError(
                    f"{self._name} holds {len(self.nodes)} cells, the population has {size}: make it of "
                    f"len(rule.nodes) cells, or give nodes=… with the names of all."
                )
        return len(self.pre)
