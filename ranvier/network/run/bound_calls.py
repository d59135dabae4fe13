"""Calls of a small network, set up once for one shape: later calls run the lists of kernels that the first made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from ranvier.dynamics import COUNTER
from ranvier.kernels.provider import CHANGED, MADE, Calls, OpensCalls
from ranvier.network.checks import MOST
from ranvier.network.plan.built import unit_of
from ranvier.network.run.bound import feeding, whole_unit
from ranvier.network.run.bound_parts import BoundParts, modules_of
from ranvier.network.run.execute import Execution
from ranvier.network.run.fused import fused_task
from ranvier.network.run.modes import own_precision, watch
from ranvier.network.run.numbers import Numbers
from ranvier.network.run.runner import Runner
from ranvier.network.run.starts import Starts
from ranvier.network.run.window import Window
from ranvier.network.state.state import State, stream_of
from ranvier.network.warnings.unsound import warn_of_unsound

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan

__all__ = ["BoundCalls", "bind_calls"]

Tensor = torch.Tensor


class BoundCalls(BoundParts):
    """A call of a graph for one shape, as its plan has it, as long as :meth:`holds`; for several threads at once."""

    def __init__(
        self, graph: Graph, calls: Calls, inputs: Sequence[str], record: Mapping[str, tuple[str, ...]],
        starts: Starts, count: int, computed: Numbers,
    ) -> None:  # fmt: skip
        super().__init__(graph, calls.kept, inputs)
        self.calls, self.count = calls, count
        self._computed = computed
        self._initial = None if starts.same is None else self.given(starts.same)
        self._asking = [(t, t.requires_grad) for _, _, t, _ in self.tensors if t is not None]
        pairs = [(n, v) for n, variables in record.items() for v in variables]
        self._records = [
            (pair, calls.outputs.index((pair[0], graph.step(pair[0]).output_of(pair[1])))) for pair in pairs
        ]

    def holds(self) -> bool:
        """Whether the network is made of the same parts, tensors, hooks and providers, and the same tensors are learnt."""
        return super().holds() and all(t.requires_grad is asks for t, asks in self._asking)

    def run(self, x: Tensor, state: State | None, stream: int | None) -> Execution | None:
        """A call; None where it must be run, or refused, the long way."""
        sources = self.sources(x)
        given = self._initial if state is None else self.given(state)
        if sources is None or given is None or any(t.requires_grad for t in (x, *given)):
            return None
        inputs = {next(iter(self.graph.inputs)): sources[0]}
        found, made, out = self.calls.call(sources, given, self._computed.now())
        if found & ~MADE:
            self._generation -= found & CHANGED  # no longer holds
            return None
        stream = stream_of(stream) if state is None or stream is not None else state.stream
        after = self.state(made, self.count + (0 if state is None else state.step), stream)
        if found:
            warn_of_unsound(self.graph, inputs, after)
        run = Execution({pair: out[k] for pair, k in self._records}, after)
        watch(run.recorded.values())
        return run


def bind_calls(
    graph: Graph, plan: Plan, inputs: Mapping[str, Tensor], starts: Starts, record: Mapping[str, tuple[str, ...]]
) -> BoundCalls | None:
    """What serves calls like this one; None where its plan does not set them up once."""
    unit = whole_unit(graph, plan)
    counted = any(COUNTER in variables for variables in record.values())
    if counted or unit is None or not unit.calls or plan.cuts.times or graph.times or len(graph.inputs) != 1:
        return None
    asked, count = torch.is_grad_enabled(), len(next(iter(inputs.values())))
    with torch.enable_grad(), own_precision():
        runner = Runner(graph, plan, record)
        if runner.waits_long:
            return None
        like = {n: torch.zeros_like(x) for n, x in inputs.items()}
        task = fused_task(runner, unit, Window(like, count, starts.state(0)))
        modules = modules_of(graph)
        tensors = {
            id(t): t for m in modules for table in (m._parameters, m._buffers) for t in table.values() if t is not None
        }
        opened: OpensCalls = unit_of(plan, unit)  # pyright: ignore[reportAssignmentType]  (its provider offered to serve calls)
        calls = opened.open_calls(task, list(tensors.values()), MOST, asked)
    if calls is None or {k.owner for k in calls.kept if k.variable is None} != {*graph.depths()}:
        return None
    computed = Numbers(runner, {n: scan.shape for n, scan in task.members.items()}, calls.computed)
    return BoundCalls(graph, calls, feeding(runner, unit), record, starts, count, computed)
