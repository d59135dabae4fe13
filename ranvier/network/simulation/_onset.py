"""Where a variable first became NaN or infinite: the block is run again in halves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.network.checks import describe_non_finite
from ranvier.network.plan.plan import Plan
from ranvier.network.run.runner import Runner
from ranvier.network.simulation._undefined import undefined_quotient
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["locate_onset"]


def locate_onset(graph: Graph, plan: Plan, state: State, count: int) -> str | None:
    """Population, variable, cell, step and cause of the first value that is not finite in the ``count`` steps after ``state``."""
    runner = Runner(graph, plan, {}, lists=True)
    found = None
    while count:
        half = max(1, count // 2)
        inputs = {n: s.emissions(state.step, half, graph, state.stream) for n, s in graph.sources.items()}
        _, after = runner.run(inputs, half, state)
        trouble = describe_non_finite(graph, after)
        if trouble is None:
            state, count = after, count - half
        else:
            found = trouble if half > 1 else describe_non_finite(graph, after, undefined_quotient(graph, state, after))
            count = half if half < count else 0
    return found
