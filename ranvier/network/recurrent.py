"""Cells that also project to themselves."""

from __future__ import annotations

from collections.abc import Sequence
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

    Parameters
    ----------
    cell
        A cell; it needs a size if ``how`` is a rule.
    how
        A transform, a list of transforms, or a rule for single synapses, such as ``rv.OneToOne()``.
    to
        The port, as in ``net.connect``.
    weight, delay, sign
        Of single synapses, as in ``net.connect``; ``rv.Learn`` gives each its own.

    >>> net = rv.Sequential(rv.Linear(700, 256), rv.Recurrent(rv.LIF(256), rv.Linear(256, 256)), dt=1*ms)
    >>> net = rv.Sequential(rv.Linear(700, 256), rv.Recurrent(rv.LIF(256), rv.OneToOne(), weight=rv.Learn(-0.5)), dt=1*ms)
    """

    def __init__(
        self, cell: Cell, how: nn.Module | Connectivity | Sequence[nn.Module], *, to: str | None = None, weight: Any = 1.0, delay: Any = None,
        sign: int | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(cell, Cell) or not isinstance(how, nn.Module | Connectivity | list | tuple):
            raise GraphError(
                f"Recurrent takes a cell and a transform or a rule, got {type(cell).__name__} and {type(how).__name__}: write "
                "rv.Recurrent(rv.LIF(n), rv.Linear(n, n)), or rv.Recurrent(rv.LIF(n), rv.OneToOne(), weight=-0.5)."
            )
        self.cell, self.how = cell, how
        self.options = {"to": to, "weight": weight, "delay": delay, "sign": sign}

    def layer(self, **options: Any) -> Layer:
        """The cells and their recurrence as a module of torch: ``rv.Layer(self, dt=…)``.

        >>> rec = rv.Recurrent(rv.LIF(64), rv.Linear(64, 64)).layer(dt=1*ms)
        >>> spikes, state = rec(torch.rand(20, 8, 64))
        """
        from ranvier.network.layer import Layer  # a layer is made of it

        return Layer(self, **options)
