"""A network that is one circuit, advanced some steps at a time: set up once, its values inside the circuit in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.kernels.provider import CircuitSteps, Kept, OpensCircuit
from ranvier.kernels.tasks import Spikes
from ranvier.network.checks import MOST
from ranvier.network.plan.built import unit_of
from ranvier.network.run._circuit import circuit_task, take_circuit
from ranvier.network.run.bound_parts import BoundParts
from ranvier.network.run.chosen import Chosen
from ranvier.network.run.modes import own_precision
from ranvier.network.run.one_circuit import OneCircuit, one_circuit, room_for
from ranvier.network.run.window import Window
from ranvier.network.state.history import Drawn
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan

__all__ = ["BoundCircuit", "bind_circuit"]

Tensor = torch.Tensor
#: bytes of weights that are compared before every step
_COMPARED = 1 << 20


class BoundCircuit(BoundParts):
    """A circuit that goes on from the state of ``window``, as long as :meth:`holds`.

    Tensors that count by their ``versions`` are compared by how often torch has written to them.
    """

    def __init__(self, found: OneCircuit, steps: CircuitSteps, kept: Sequence[Kept] = ()) -> None:
        runner, window = found.runner, found.window
        super().__init__(runner.graph, kept, ())
        self._runner, self._unit, self._steps, self._window = runner, found.unit, steps, window
        self._draw(window.state.stream)
        self._sources = [_Noted(s) for s in runner.graph.sources.values()]
        self._versions = [(t, t._version) for t in found.versions]
        self._kind = _kind_of(runner.graph)

    def _draw(self, stream: int) -> None:
        """Note the laws of the sources, for a random stream."""
        found = {n: s.counted(self.graph, stream=stream) for n, s in self.graph.sources.items()}
        self._laws = {n: counted for n, counted in found.items() if counted is not None}

    def serves(self, graph: Graph) -> bool:
        """Whether the network is made of the same parts, tensors, sources, hooks and providers, and no delay has changed."""
        if graph.dtype is not self.dtype or _kind_of(graph) != self._kind:
            return False
        if len(self.graph.sources) != len(self._sources) or any(t._version != now for t, now in self._versions):
            return False
        sources = zip(self._sources, self.graph.sources.values(), strict=True)
        return all(noted.same(source) for noted, source in sources) and self.holds()

    @property
    def now(self) -> int:
        """The step at which it stands."""
        return self._window.start + self._steps.done

    def step(self, count: int) -> tuple[int, Mapping[str, Spikes]]:
        """The next ``count`` steps: what was found, and the spikes of each population."""
        if count > self._steps.room:
            self._go_on(max(count, room_for(self.graph)))
        found, fired = self._steps.step(count)
        return found, Chosen(fired, self._runner.record)

    def back(self, count: int) -> None:
        """Where it stood ``count`` steps before."""
        done, window = self._steps.done - count, self._window
        self._begin(window)
        if done:
            self._steps.step(done)

    def state_now(self) -> State:
        """The values now as a state of its own."""
        window, emissions = self._window, dict(self._window.emissions)
        done = Window({}, self._steps.done, window.state)
        emissions |= {n: self._drawn(n).last() for n in self._laws if n in window.history}
        done.emissions = emissions
        if done.count:
            take_circuit(self._runner, self._unit, done, self._steps.result())
        return done.after() if done.count else window.state

    def _drawn(self, name: str) -> Drawn:
        """What a source has emitted up to now, as its law says."""
        law, key = self._laws[name]
        return Drawn(self._window.history[name], law, key, self.now, self._steps.done)

    def _go_on(self, room: int) -> None:
        """Make room for more steps."""
        self._begin(Window({}, room, self.state_now()))

    def _begin(self, window: Window) -> None:
        """Go on from the state of ``window``; no gradient is followed."""
        self._window = window
        with torch.no_grad(), own_precision():
            self._steps.begin(circuit_task(self._runner, self._unit, window))


def bind_circuit(graph: Graph, plan: Plan, state: State) -> BoundCircuit | None:
    """The circuit of a plan, from ``state`` on; None where the plan has other parts, or the circuit must be run call by call."""
    found = one_circuit(graph, plan, state, room_for(graph), _COMPARED)
    if found is None:
        return None
    with torch.no_grad(), own_precision():
        opened: OpensCircuit = unit_of(plan, found.unit)  # pyright: ignore[reportAssignmentType]  (its provider offered it)
        steps = opened.open_circuit(found.task, found.watched, MOST)
    return None if steps is None else BoundCircuit(found, steps)


def _kind_of(graph: Graph) -> tuple[Any, ...]:
    """What a circuit depends on beside the parts of its graph."""
    return graph.provider, graph.device, graph.seed, graph.bounds.refractory


class _Noted:
    """A source as it is: its attributes, and the numbers in its arrays."""

    def __init__(self, source: Any) -> None:
        self._source, self._held = source, dict(vars(source))
        self._arrays = [(a, a.copy()) for a in self._held.values() if isinstance(a, np.ndarray)]

    def same(self, source: Any) -> bool:
        """Whether it is this one, and nothing in it has changed."""
        own, held = vars(source), self._held
        if source is not self._source or own.keys() != held.keys() or any(own[n] is not v for n, v in held.items()):
            return False
        return all(np.array_equal(a, copy) for a, copy in self._arrays)
