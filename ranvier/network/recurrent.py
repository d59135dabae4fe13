"""Cells that also project to themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from ranvier.connectivity import Connectivity
from ranvier.network.order import GraphError
from ranvier.neurons import Cell

if TYPE_CHECKING:
    from ranvier.network.layer import Layer

__all__ = ["Recurrent"]


class Recurrent:
    """A cell whose population also projects to itself, one step later (plus the transform's own delay).

    >>> net = rv.Sequential(rv.Linear(700, 256), rv.Recurrent(rv.LIF(256), rv.Linear(256, 256)), dt=1*ms)
    """

    def __init__(self, cell: Cell, transform: nn.Module, *, to: str | None = None) -> None:
        if isinstance(transform, Connectivity):
            rule = type(transform).__name__
            raise GraphError(
                f"Recurrent takes a transform such as rv.Linear(n, n), not the rule {rule}. Single synapses belong to a network made "
                f"part by part: net = rv.Network(dt=…), net.population(…), net.connect('cells', 'cells', rv.{rule}(…))."
            )
        if not isinstance(cell, Cell) or not isinstance(transform, nn.Module):
            raise GraphError(
                f"Recurrent takes a cell and a transform, got {type(cell).__name__} and {type(transform).__name__}: write "
                "rv.Recurrent(rv.LIF(n), rv.Linear(n, n))."
            )
        self.cell, self.transform, self.to = cell, transform, to

    def layer(self, **options: Any) -> Layer:
        """The cells and their recurrence as a module of torch: ``rv.Layer(self, dt=…)``.

        >>> rec = rv.Recurrent(rv.LIF(64), rv.Linear(64, 64)).layer(dt=1*ms)
        >>> spikes, state = rec(torch.rand(20, 8, 64))
        """
        from ranvier.network.layer import Layer  # a layer is made of it

        return Layer(self, **options)
