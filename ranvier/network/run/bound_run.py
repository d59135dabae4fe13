"""Calls of one shape whose plan, parts and first state are found once; each is then run part by part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from ranvier.network.checks import take_inputs
from ranvier.network.run._kept_graph import attached
from ranvier.network.run.bound_parts import BoundParts
from ranvier.network.run.execute import Execution
from ranvier.network.run.runner import Runner
from ranvier.network.run.starts import Starts
from ranvier.network.state.check import check_state
from ranvier.network.state.state import State
from ranvier.network.warnings.unsound import warn_of_unsound

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan

__all__ = ["BoundRun", "bind_run"]

Tensor = torch.Tensor


class BoundRun(BoundParts):
    """A call of a graph for one shape, as its plan has it, as long as :meth:`holds`; for several threads at once."""

    def __init__(self, graph: Graph, plan: Plan, record: Mapping[str, tuple[str, ...]], starts: Starts) -> None:
        super().__init__(graph, (), list(graph.inputs))
        self._starts, self._runner = starts, Runner(graph, plan, record)

    def run(self, x: Tensor, state: State | None, stream: int | None) -> Execution | None:
        """A call; None where it must be run, or refused, the long way."""
        plain = self.plainly(x)
        inputs, steps, batch = take_inputs(self.graph, x) if plain is None else (plain, *x.shape[:2])
        if state is None:
            state = self._starts.read(stream) if steps else self._starts.state(stream)
        else:
            state = check_state(self.graph, state, batch).with_stream(stream)
            if torch.is_grad_enabled():
                state = attached(state)
        run = Execution(*self._runner.renewed().run(inputs, steps, state))
        warn_of_unsound(self.graph, inputs, run.state)
        return run


def bind_run(graph: Graph, plan: Plan, starts: Starts, record: Mapping[str, tuple[str, ...]]) -> BoundRun | None:
    """What serves calls like this one; None where there is more to find in each call."""
    if plan.hooked or any(p.plasticity for p in graph.projections.values()):
        return None
    with torch.no_grad():
        return BoundRun(graph, plan, record, starts)
