"""The executor: windows of steps outside, parts in topological order inside.

Acyclic parts advance over a whole window at once; a cycle in windows of its shortest latency, so that everything that
arrives in a window was fired before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ranvier.network.plan.plan import Plan
from ranvier.network.run.lengths import frozen, silence_after, window_borders
from ranvier.network.run.recomputed import recomputed
from ranvier.network.run.runner import Runner
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Execution", "execute"]

Tensor = torch.Tensor


@dataclass
class Execution:
    """What the executor returns: recorded streams [T, B, …] by (population, variable), and the state after."""

    recorded: dict[tuple[str, str], Tensor]
    state: State


def execute(
    graph: Graph, plan: Plan, inputs: Mapping[str, Tensor], steps: int, state: State, record: Mapping[str, tuple[str, ...]],
    lengths: Tensor | None = None,
) -> Execution:  # fmt: skip
    """Advance ``graph`` by ``steps`` steps; ``inputs[name]`` are streams [T, B, …].

    With ``lengths`` [B] a sample's state stays as it was at its end, and its recorded streams are zero from there on.
    """
    runner = Runner(graph, plan, record)
    border = plan.window or plan.checkpoint or steps
    pieces: dict[tuple[str, str], list[Tensor]] = {}
    for first, last in window_borders(steps, border, lengths):
        count, before = last - first, state
        block = inputs if count == steps else {n: x[first : first + count] for n, x in inputs.items()}
        if plan.checkpoint and torch.is_grad_enabled():
            out, state = recomputed(graph, runner.run, block, count, state)
        else:
            out, state = runner.run(block, count, state)
        for key, value in out.items():
            pieces.setdefault(key, []).append(value)
        if lengths is not None:
            state = frozen(before, state, lengths >= last)
        if plan.window and last < steps and last % plan.window == 0:
            state = state.detach()
    joined = {key: values[0] if len(values) == 1 else torch.cat(values) for key, values in pieces.items()}
    if lengths is not None:
        joined = {key: silence_after(value, lengths) for key, value in joined.items()}
    return Execution(joined, state)
