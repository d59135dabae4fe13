"""A network on its own, some steps at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from ranvier.errors import NonFiniteError
from ranvier.kernels.provider import MADE
from ranvier.kernels.tasks import Spikes
from ranvier.network.checks import describe_non_finite, whole
from ranvier.network.forecast import check_steps
from ranvier.network.order import GraphError
from ranvier.network.plan.planning import plan_for
from ranvier.network.precision import in_float32
from ranvier.network.run.bound_circuit import BoundCircuit, bind_circuit
from ranvier.network.run.runner import Runner
from ranvier.network.simulation._emitted import Emitted
from ranvier.network.state.check import check_state
from ranvier.network.state.state import State
from ranvier.network.warnings.late_times import warn_of_late_times

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan

__all__ = ["SimulationStepper"]


class SimulationStepper:
    """A network without inputs that is advanced some steps at a time, as :meth:`Network.stepper` makes it.

    ``stepper(steps=1)`` advances it with its own sources and returns the spikes of those steps by population: cells that fired in
    step k are ``cell[bounds[k]:bounds[k + 1]]``, counted over all axes of a population. Spikes and states are those of ``net.run``,
    bit for bit. :attr:`state` is a value that any call takes. The stepper follows changes of the network; a state of another dtype
    raises an error. If the whole network is one circuit that draws its own sources, the stepper sets it up once and keeps its values
    inside; any other network is set up in every call. Memory holds the spikes of all ``steps`` and the signals of sources: keep ``steps`` small.

    ``graph`` gives the network as it is now, ``fresh`` a state to begin with.

    >>> net = rv.Network(dt=0.1*ms, seed=1)
    >>> cells = net.population("cells", 100, rv.CurrentLIF(I_e=0.5*nA))
    >>> stepper = net.stepper()
    >>> fired = stepper(steps=200)
    >>> stepper.state.step
    200
    """

    def __init__(self, graph: Callable[[], Graph], fresh: Callable[[], State], state: State | None) -> None:
        self._graph, self._fresh = (lambda: in_float32(graph(), "net.stepper()")), fresh
        self._checked: tuple[Any, ...] | None = None
        self.reset(state)

    def reset(self, state: State | None = None) -> None:
        """Go on from ``state``; from a fresh one where it is None."""
        self._bound: BoundCircuit | None = None
        self._checked, self._state = None, self._fresh() if state is None else state

    @property
    def state(self) -> State:
        """The state now, a value of its own."""
        return self._state.clone() if self._bound is None else self._bound.state_now()

    def __call__(self, steps: int = 1) -> Mapping[str, Spikes]:
        """The next steps; raises what ``net.run`` raises, and the state is then as it was."""
        steps = whole(steps, "steps")
        if steps < 1:
            raise GraphError(f"steps={steps!r} must be at least 1.")
        graph = self._graph()
        check_steps(graph, steps)
        bound = self._bound
        if bound is not None:
            if bound.serves(graph):
                warn_of_late_times(graph, bound.now + steps)
                found, fired = bound.step(steps)
                if not found:
                    return fired
                if found & MADE:  # the error names the state before it
                    bound.back(steps)
            self._state, self._bound, self._checked = bound.state_now(), None, None
        return self._long(graph, steps)

    def _long(self, graph: Graph, steps: int) -> dict[str, Spikes]:
        """The next steps by themselves; those after them are bound, where they can be."""
        with torch.no_grad():
            plan = plan_for(graph, gradient=False, steps=steps, batch=1)
            state = self._sound(graph)
            warn_of_late_times(graph, state.step + steps)
            runner, sources = _runner(graph, plan)
            lists = sources.lists(state, steps)
            window = runner.window(sources.arrays(state, steps), steps, state, lists)
            after = window.after()
            trouble = describe_non_finite(graph, after)
            if trouble:
                raise NonFiniteError(trouble)
            self._bound = bind_circuit(graph, plan, after)
        self._state = after
        found = window.spikes
        dense = {n: x[:, 0] for (n, v), x in window.recorded.items() if v == "spikes" and n not in found}
        return {n: found[n] if n in found else Spikes.of(dense[n].flatten(1)) for n in runner.record}

    def _sound(self, graph: Graph) -> State:
        """The state, checked wherever it or the parts of the network are others than in the last call."""
        now = (graph.parts, graph.dtype, graph.device)
        if self._checked != now:
            self._state, self._checked = check_state(graph, self._state, 1), now
        return self._state


def _runner(graph: Graph, plan: Plan) -> tuple[Runner, Emitted]:
    """What runs the graph, with the numbers that it has now."""
    firing = [n for n, p in graph.populations.items() if p.cell.fires]
    runner = Runner(graph, plan, dict.fromkeys(firing, ("spikes",)), lists=True)
    return runner, Emitted(graph, plan, runner.drives, ())
