"""The part of a circuit that this process has: the synapses onto its own cells, and the exchange of spikes with the others."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from ranvier.network.shapes import known_shape

if TYPE_CHECKING:
    from ranvier.connectivity import Share
    from ranvier.distributed import Processes
    from ranvier.kernels.tasks import CircuitResult, Exchange
    from ranvier.network.graph import Graph
    from ranvier.network.run.runner import Runner

__all__ = ["exchange_for", "share_for", "whole_result"]


def share_for(graph: Graph, post: str, asked: Any) -> Share | None:
    """The cells of ``post`` whose incoming synapses this process keeps, of those that are ``asked``; None for all."""
    if graph.processes is None or post not in graph.populations:
        return None
    from ranvier.connectivity import Share
    from ranvier.network.saving import plain  # files import networks

    low, high = _ranges(graph, graph.processes, post)[graph.processes.rank]
    return Share(low, high, graph.processes.span, json.dumps(plain(asked), sort_keys=True))


def exchange_for(runner: Runner, members: Collection[str], steps: int) -> Exchange | None:
    """How the circuit of these populations is shared in a window of so many steps."""
    graph, processes = runner.graph, runner.graph.processes
    if processes is None:
        return None
    from ranvier.kernels.tasks import Exchange

    inside = [
        p.shortest for n in members for p in runner.arrivals.onto[n] if p.pre in members or p.name in runner.plan.sent
    ]
    ranges = {n: _ranges(graph, processes, n) for n in members}
    return Exchange(processes.rank, ranges, max(1, min([*inside, steps])), processes.gather)


def whole_result(result: CircuitResult, exchange: Exchange) -> CircuitResult:
    """States and records of all cells, from those that each process has of its own."""

    def whole(found: Mapping[str, Mapping[str, torch.Tensor]]) -> dict[str, dict[str, torch.Tensor]]:
        return {n: {v: exchange.whole(n, x) for v, x in own.items()} for n, own in found.items()}

    return replace(result, states=whole(result.states), recorded=whole(result.recorded))


def _ranges(graph: Graph, processes: Processes, name: str) -> tuple[tuple[int, int], ...]:
    """First and last cell of each process in a population."""
    return processes.ranges(list(graph.populations).index(name), known_shape(graph, name)[0])
