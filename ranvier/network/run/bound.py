"""One step of a network without gradient, set up once: a later call replaces addresses and runs one list of kernels."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier._warn import warn
from ranvier.connectivity.hooks import any_global_hook
from ranvier.kernels import registry
from ranvier.kernels.provider import CHANGED, MADE, UNFIT, OpensSteps, Steps
from ranvier.network.bounds import Bounds
from ranvier.network.checks import MOST, describe_non_finite
from ranvier.network.parts.population import signal_of
from ranvier.network.plan.built import unit_of
from ranvier.network.run.fused import fused_task
from ranvier.network.run.modes import own_precision
from ranvier.network.run.runner import Runner
from ranvier.network.run.window import Window
from ranvier.network.state.state import STREAMS, State

if TYPE_CHECKING:
    from ranvier.connectivity.chain import Chain
    from ranvier.network.graph import Graph
    from ranvier.network.parts.projection import Projection
    from ranvier.network.plan.plan import Plan, Unit

__all__ = ["Bound", "bind"]

Tensor = torch.Tensor
_LAST = 1 << 62


class Bound:
    """The step of a graph for one batch, as its plan has it, as long as :meth:`holds`.

    ``inputs`` name who feeds the operation, in order. Not for two threads at once: who works with it holds ``lock``.
    """

    def __init__(
        self, graph: Graph, plan: Plan, steps: Steps, inputs: Sequence[str], modules: Iterable[nn.Module]
    ) -> None:
        self.graph, self.plan, self.steps, self.inputs = graph, plan, steps, tuple(inputs)
        self.lock, self.single = threading.Lock(), len({*inputs}) == 1 and len(graph.inputs) == 1
        self.dt, self.times, self.dtype, self.outputs = graph.dt, graph.times, graph.dtype, list(graph.outputs)
        self._kept = [(k.owner, k.variable) for k in steps.kept]
        self._variables = sum(v is not None for _, v in self._kept)
        self._histories = len(self._kept) - self._variables
        self._places = [steps.outputs.index(pair) for pair in _emitted(graph)]
        every = list(modules)
        self._generation, self._hooks = registry.generation(), [hooks for m in every for hooks in _hooks_of(m)]
        tables = [table for m in every for table in (m._parameters, m._buffers)]
        self.tensors = [(table, n, t, 0 if t is None else t.data_ptr()) for table in tables for n, t in table.items()]
        self._parts = [(m._modules, n, part) for m in every for n, part in m._modules.items()]
        self._sizes = [(p._modules, len(p)) for p in (graph.populations, graph.projections)]  # type: ignore[attr-defined]
        self._modes = [(m, m.training) for p in graph.projections.values() if _settles(p.chain) for m in p.modules()]

    def holds(self) -> bool:
        """Whether the network is made of the same parts, tensors, hooks and providers."""
        if any(self._hooks) or registry.generation() != self._generation or self.graph.outputs != self.outputs:
            return False
        for table, name, tensor, place in self.tensors:
            if table.get(name) is not tensor or (tensor is not None and tensor.data_ptr() != place):
                return False
        for table, name, part in self._parts:
            if table.get(name) is not part:
                return False
        for table, size in self._sizes:
            if len(table) != size:
                return False
        for module, training in self._modes:
            if module.training is not training:
                return False
        return not any_global_hook()

    def sources(self, x: Any) -> list[Tensor] | None:
        """What feeds the operation, from the input of a step."""
        if self.single:
            return [self._number(x)] * len(self.inputs) if isinstance(x, Tensor) else None
        if not isinstance(x, Mapping) or x.keys() != self.graph.inputs.keys():
            return None
        found = [x[n] for n in self.inputs]
        return [self._number(t) for t in found] if all(isinstance(t, Tensor) for t in found) else None

    def _number(self, x: Tensor) -> Tensor:
        if x.dtype is self.dtype and x.is_contiguous():
            return x
        return x if x.is_complex() else x.to(self.dtype).contiguous()

    def given(self, state: State) -> list[Tensor] | None:
        """The values of a state as the operation takes them; None where it is not plainly one of this network."""
        variables, history = state.variables, state.history
        if state.dt != self.dt or state.times != self.times or state.synapses or len(history) != self._histories:
            return None
        if type(state.step) is not int or type(state.stream) is not int:
            return None
        if not (0 <= state.step < _LAST and 0 <= state.stream < STREAMS):
            return None
        try:
            if len(variables) != len(self.graph.populations) or sum(map(len, variables.values())) != self._variables:
                return None
            return [history[n] if v is None else variables[n][v] for n, v in self._kept]
        except (AttributeError, KeyError, TypeError):
            return None

    def state(self, made: Sequence[Tensor], step: int, stream: int) -> State:
        """The values kept as a state."""
        variables: dict[str, dict[str, Tensor]] = {n: {} for n in self.graph.populations}
        history: dict[str, Tensor] = {}
        for (n, v), t in zip(self._kept, made, strict=True):
            if v is None:
                history[n] = t
            else:
                variables[n][v] = t
        return State(step, variables, history, {}, stream, self.dt, self.times)

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

    def warn(self, state: State) -> None:
        """Warn of numbers that are not sound."""
        trouble = describe_non_finite(self.graph, state)
        if trouble:
            warn(trouble)


def bind(graph: Graph, plan: Plan, inputs: Mapping[str, Tensor], state: State) -> Bound | None:
    """The step of ``graph`` under a plan, for ``inputs`` [1, B, …] and a ``state`` like these; None where its plan does not set
    it up once. What is bound holds neither of them, nor a graph before them."""
    unit = _whole(graph, plan)
    if unit is None:
        return None
    populations, projections = graph.populations.values(), graph.projections.values()
    with torch.no_grad(), own_precision():
        runner = Runner(graph, plan, {n: (signal_of(graph.populations[n]),) for n in graph.outputs})
        if any(c.refractory is not None and c.refractory.long for c in runner.cells.values()):
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
    feeding = [p.pre for n in unit.members for p in runner.arrivals.onto[n] if p.name in unit.feeds]
    modules = [m for part in (*populations, *projections) for m in part.modules()]
    return Bound(graph, plan, steps, feeding, [graph.populations, graph.projections, *modules])  # pyright: ignore[reportArgumentType]  (both are ModuleDicts)


def _whole(graph: Graph, plan: Plan) -> Unit | None:
    """The one unit of a plan that is set up once, where it is the whole network."""
    if len(plan.units) != 1 or not plan.units[0].again or not graph.outputs or graph.bounds != Bounds():
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


def _settles(chain: Chain) -> bool:
    """Whether the numbers of a chain depend on the mode of its modules."""
    return any(t.normalises or t.random for t in chain.transforms)


def _hooks_of(module: nn.Module) -> tuple[Mapping[int, Any], ...]:
    return module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks
