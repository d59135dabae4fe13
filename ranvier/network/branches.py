"""Several branches from the same emissions to the ports of one cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ranvier._nearest import meant
from ranvier.network.order import GraphError
from ranvier.network.parts.population import Relay
from ranvier.neurons import Cell

__all__ = ["Branches"]


class Branches:
    """Branches that start from the same emissions and meet at one cell, each at its own port, all in the same step.

    Parameters
    ----------
    cell
        The cell at which the branches meet; its emissions go on.
    ways
        A list of parts for each port, by name: transforms, cells and further branches, as in :class:`ranvier.Sequential`. An empty
        list passes the emissions on unchanged.

    Raises
    ------
    GraphError
        Where ``cell`` is not a cell, no branch is given, a branch is not a list, or the cell has no such port.

    >>> gate = rv.Cell("y = sigmoid(r)*x : 1\\nr : 1 (input)\\nx : 1 (input)", emit="y", name="gate")
    >>> gated = rv.Branches(gate, r=[rv.Linear(64, 64)], x=[rv.Linear(64, 64)])
    >>> net = rv.Sequential(rv.Linear(20, 64), rv.LIF(64), gated, rv.LIF(64), dt=1*ms)
    """

    def __init__(self, cell: Cell, /, **ways: Sequence[Any]) -> None:
        if not isinstance(cell, Cell):
            raise GraphError(f"Branches meet at a cell, got {type(cell).__name__}: give one such as rv.Cell(…).")
        if not ways:
            raise GraphError(
                f"Branches needs a list of parts for each port of {cell.name}: {', '.join(cell.ports)}=[…]."
            )
        for port, parts in ways.items():
            if port not in cell.ports:
                raise GraphError(
                    f"{cell.name} has no port {port!r}: branches can lead to {', '.join(cell.ports) or 'none'}.{meant(port, cell.ports)}"
                )
            check_parts(port, parts)
        self.cell: Cell | Relay = cell
        #: the port of each way (None: the only one) and its parts
        self.ways: tuple[tuple[str | None, tuple[Any, ...]], ...] = tuple((p, tuple(w)) for p, w in ways.items())

    @property
    def label(self) -> str:
        """What the cell is called in a network, before its number."""
        return self.cell.name if isinstance(self.cell, Cell) else "join"


def check_parts(name: str, parts: Any) -> None:
    """Refuse what is no list of parts.

    Raises
    ------
    GraphError
        Where it is a single part, or none.
    """
    if isinstance(parts, nn.Module | Cell | Relay | Branches) or not isinstance(parts, Sequence):
        raise GraphError(f"{name} is a {type(parts).__name__}: give a list of parts, such as [rv.Conv2d(…)].")
