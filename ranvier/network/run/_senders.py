"""Sources inside a circuit: cells without state that fire where the source does, so that their spikes stay a list."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

from ranvier.dynamics import Step, build_step
from ranvier.kernels.tasks import CircuitDrive, CircuitPopulation
from ranvier.network.plan.drives import drive_with
from ranvier.neurons import Cell

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan
    from ranvier.network.run.runner import Runner
    from ranvier.network.run.window import Window

__all__ = ["drawn_senders", "sender"]

_STREAM = "x"


def sender(runner: Runner, name: str, window: Window) -> CircuitPopulation:
    """A source of single spikes as a population: drawn by the circuit where it can be, else given."""
    graph, source = runner.graph, runner.graph.sources[name]
    size, drives, outside = source.shape[0], (), {}
    if name in runner.senders:
        drives = (drive_with(graph, runner.senders[name], name, window),)
    else:
        outside = {_STREAM: window.emissions[name][:, 0]}
    history = window.history[name][:, 0]
    return CircuitPopulation(name, _firing(), size, {}, {}, outside, history, (), drives)


def drawn_senders(graph: Graph, plan: Plan) -> dict[str, CircuitDrive]:
    """The sources of single spikes that circuits draw themselves."""
    out: dict[str, CircuitDrive] = {}
    for n, source in graph.sources.items():
        if any(graph.projections[p].pre == n for p in plan.sent) and (found := source.counted(graph)) is not None:
            one, none = torch.ones(1, dtype=graph.dtype), torch.zeros(0, *source.shape, dtype=graph.dtype)
            out[n] = CircuitDrive(_STREAM, found.law, found.key, one, 0, none)
    return out


@cache
def _firing() -> Step:
    """A spike in the step in which its input is one."""
    return build_step(Cell(f"{_STREAM} : 1 (input)", threshold=f"{_STREAM} > 0").system)
