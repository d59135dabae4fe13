"""One step of a network without gradient, set up once: a later call replaces addresses and runs one list of kernels."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.provider import CHANGED, MADE, UNFIT, OpensSteps, Steps
from ranvier.network.bounds import Bounds
from ranvier.network.checks import MOST
from ranvier.network.parts.population import signal_of
from ranvier.network.plan.built import unit_of
from ranvier.network.run.bound_parts import BoundParts
from ranvier.network.run.fused import fused_task
from ranvier.network.run.modes import own_precision
from ranvier.network.run.runner import Runner
from ranvier.network.run.window import Window
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.parts.projection import Projection
    from ranvier.network.plan.plan import Plan, Unit

__all__ = ["Bound", "bind", "feeding", "whole_unit"]

Tensor = torch.Tensor


class Bound(BoundParts):
    """The step of a graph for one batch, as its plan has it. Not for two threads at once: who works with it holds ``lock``."""

    def __init__(self, graph: Graph, plan: Plan, steps: Steps, inputs: Sequence[str]) -> None:
        super().__init__(graph, steps.kept, inputs)
        self.plan, self.steps, self.lock = plan, steps, threading.Lock()
        self._places = [steps.outputs.index(pair) for pair in _emitted(graph)]

    def chosen(self, out: Sequence[Tensor]) -> list[Tensor]:
        """The outputs of the network, among those of the operation."""
        return [out[k] for k in self._places]

    def named(self, out: Sequence[Tensor]) -> Any:
        """The outputs of the network as a call returns them."""
        return out[0] if len(out) == 1 else dict(zip(self.outputs, out, strict=True))

    def take(self, sources: Sequence[Tensor], given: Sequence[Tensor]) -> tuple[int, list[Tensor], list[Tensor]]:
        """One step from values: what was found, the values after it, and the outputs."""
        if not self.lock.acquire(blocking=False):
            return UNFIT, [], []
        try:
            found, made, out = self.steps.call(sources, given)
        finally:
            self.lock.release()
        self._generation -= found & CHANGED  # no longer holds
        return found, made, out

    def call(self, x: Any, state: State) -> tuple[Any, State] | None:
        """One step as a value of its own; None where it must be run, or refused, the long way."""
        sources, given = self.sources(x), self.given(state)
        if sources is None or given is None:
            return None
        found, made, out = self.take(sources, given)
        if found & ~MADE:
            return None
        after = self.state(made, state.step + 1, state.stream)
        if found:
            self.warn(after)
        return self.named(self.chosen(out)), after


def bind(graph: Graph, plan: Plan, inputs: Mapping[str, Tensor], state: State) -> Bound | None:
    """The step of ``graph`` under a plan, for ``inputs`` [1, B, …] and a ``state`` like these; None where its plan does not set
    it up once. What is bound holds neither of them, nor a graph before them."""
    unit = whole_unit(graph, plan)
    if unit is None or not unit.again:
        return None
    populations, projections = graph.populations.values(), graph.projections.values()
    with torch.no_grad(), own_precision():
        runner = Runner(graph, plan, {n: (signal_of(graph.populations[n]),) for n in graph.outputs})
        if runner.waits_long:
            return None
        like = {n: torch.zeros_like(x) for n, x in inputs.items()}
        task = fused_task(runner, unit, Window(like, 1, state.map(torch.zeros_like)))
        watched = [t for p in populations for t in (*p.parameters(), *p.buffers())]
        watched += [t for p in projections for t in _read_once(p, graph.dtype)]
        if not all(t.is_contiguous() and t.is_cpu for t in watched):
            return None
        opened: OpensSteps = unit_of(plan, unit)  # pyright: ignore[reportAssignmentType]  (its provider offered to repeat)
        steps = opened.open(task, watched, MOST)
    if steps is None:
        return None
    return Bound(graph, plan, steps, feeding(runner, unit))


def feeding(runner: Runner, unit: Unit) -> list[str]:
    """Who feeds an operation, in order."""
    return [p.pre for n in unit.members for p in runner.arrivals.onto[n] if p.name in unit.feeds]


def whole_unit(graph: Graph, plan: Plan) -> Unit | None:
    """The one unit of a plan, where it is the whole network."""
    if len(plan.units) != 1 or not graph.outputs or graph.bounds != Bounds():
        return None
    heard = {p.pre for p in graph.projections.values()}
    return plan.units[0] if heard.issuperset(graph.inputs) else None


def _emitted(graph: Graph) -> list[tuple[str, str]]:
    """Output populations, and what they emit as their step names it."""
    return [(n, graph.step(n).output_of(signal_of(graph.populations[n]))) for n in graph.outputs]


def _read_once(p: Projection, dtype: torch.dtype) -> list[Tensor]:
    """The numbers of a projection that are read when its step is set up: all but a weight that is read where it lies."""
    own = [*p.parameters(), *p.buffers()]
    operand = p.matrix_operand
    weight = None if operand is None else operand.numbers_for(True)[0]
    in_place = isinstance(weight, Tensor) and weight.dtype == dtype and weight.is_contiguous()
    return [t for t in own if not (in_place and t is weight)]
