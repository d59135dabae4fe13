"""One call's view of a network: every part over a window, by the kernel its plan names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.tasks import Spikes
from ranvier.network.plan.drives import drives
from ranvier.network.plan.plan import Plan, Unit
from ranvier.network.plastic.synapses import PlasticSynapses
from ranvier.network.run._alone import alone
from ranvier.network.run._circuit import circuit
from ranvier.network.run._cycle import cycle
from ranvier.network.run._senders import drawn_senders
from ranvier.network.run.arrivals import Arrivals
from ranvier.network.run.cells import Cells
from ranvier.network.run.fused import fused
from ranvier.network.run.modes import own_precision, watch_backward
from ranvier.network.run.window import Window

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.run.again import Again
    from ranvier.network.state.state import State

__all__ = ["WAYS", "Runner"]

Tensor = torch.Tensor


class Runner:
    """The parts of a graph under a plan: numbers computed once, for as many windows as follow.

    ``record`` names what is wanted of each part. ``every`` is the recording interval in steps of circuits and of synapses; other
    parts record every step. ``lists`` says that spikes of circuits are wanted as lists (``window.spikes``) rather than as
    streams. ``again`` keeps what is set up once for all windows of a series.
    """

    def __init__(
        self, graph: Graph, plan: Plan, record: Mapping[str, tuple[str, ...]], every: int = 1, lists: bool = False,
        again: Again | None = None,
    ) -> None:  # fmt: skip
        self.graph, self.plan, self.record = graph, plan, record
        self.every, self.lists, self.again = every, lists, again
        self.cells = {n: Cells(graph, n, record.get(n, ()), plan.cuts) for n in graph.populations}
        self.drives, self.senders = drives(graph, plan), drawn_senders(graph, plan)
        self.arrivals = Arrivals(graph, plan, {*self.drives, *plan.sent})
        self.plastic = {
            n: PlasticSynapses(p, graph.dt, graph.dtype, graph.seed)
            for n, p in graph.projections.items()
            if p.plasticity
        }

    @property
    def waits_long(self) -> bool:
        """Whether a refractory period is longer than counters of steps hold."""
        return any(c.refractory is not None and c.refractory.long for c in self.cells.values())

    def renewed(self) -> Runner:
        """The same for another call, with the numbers that the parts have now; of a graph without sources and plastic synapses."""
        other = object.__new__(Runner)
        other.__dict__.update(self.__dict__)
        other.cells = {n: cells.renewed() for n, cells in self.cells.items()}
        return other

    def run(
        self, inputs: Mapping[str, Tensor], count: int, state: State
    ) -> tuple[dict[tuple[str, str], Tensor], State]:
        """All parts over one window: what was recorded, and the state after."""
        window = self.window(inputs, count, state)
        return window.recorded, window.after()

    def window(
        self, inputs: Mapping[str, Tensor], count: int, state: State, trains: Mapping[str, Spikes] | None = None
    ) -> Window:
        """All parts over one window, without autocast; ``trains`` are spikes of sources that circuits take as lists."""
        window = Window(inputs, count, state, trains)
        with own_precision():
            for unit in self.plan.units:
                WAYS[unit.how](self, unit, window)
        watch_backward(window)
        return window


#: what runs a unit of a plan, by its ``how``
WAYS: dict[str, Callable[[Runner, Unit, Window], None]] = {
    "scan": alone, "joined": fused, "fused": fused, "circuit": circuit, "windows": cycle, "steps": cycle,
}  # fmt: skip
