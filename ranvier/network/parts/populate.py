"""A population, or a relay, from what a user asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ranvier.connectivity import place
from ranvier.errors import EquationError
from ranvier.network.checks import check_name, one_shape
from ranvier.network.forecast import check_cells
from ranvier.network.parts.population import Population, Relay
from ranvier.neurons import Cell

if TYPE_CHECKING:
    from ranvier.dynamics import Reset
    from ranvier.network.graph import Graph
    from ranvier.surrogates import Surrogate

__all__ = ["populate"]


def populate(
    graph: Graph, name: str, size: int | tuple[int, ...] | None, cell: Cell | Relay, positions: Any, values: Mapping[str, Any],
    surrogate: Surrogate | None, reset_gradient: Reset,
) -> Population | Relay:  # fmt: skip
    """``size`` cells, which share the ``rv.Learn`` values of an earlier population of the same cell.

    Raises
    ------
    EquationError
        Where ``cell`` is none, or has no such ``values``.
    GraphError
        Where the name is taken, or can be none.
    MemoryLimitError
        Where the cells do not fit into memory.
    """
    if not isinstance(cell, Cell | Relay):
        raise EquationError(
            f"population {name!r} needs a cell, got {type(cell).__name__}: use rv.Cell(…), rv.LIF(…) or rv.Relay().",
            line=name,
        )
    relay = isinstance(cell, Relay)
    shape = one_shape(size, cell.size, f"population {name!r}")
    where = None if positions is None else place(positions, None if relay else shape, graph.seed, name)
    check_name(name, graph.taken, "relay" if relay else "population")
    if isinstance(cell, Relay):
        return Relay(shape)
    cell = cell.with_values(**values) if values else cell
    if shape is not None:
        check_cells(name, math.prod(shape), max(1, len(cell.system.states)), graph.dtype.itemsize)
    like = graph.of_cell(cell)
    made = Population(
        name,
        cell,
        shape,
        surrogate=surrogate,
        seed=graph.seed,
        dtype=graph.dtype,
        like=like,
        reset_gradient=reset_gradient,
    )
    made.positions = where
    return made
