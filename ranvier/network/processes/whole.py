"""States of plastic synapses: those of one process out of all, and all out of those of every process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from ranvier.network.state.check import check_form
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.connectivity import Shared
    from ranvier.distributed import Processes
    from ranvier.network.graph import Graph
    from ranvier.network.network import Network

__all__ = ["own_state", "whole_state"]

Tensor = torch.Tensor


def whole_state(net: Network, state: State) -> State:
    """``state`` with the values of the plastic synapses of all processes; every process gets the same state.

    All processes must call it. Without plastic synapses, or in one process, a state is already whole. A run accepts whole states
    and shares: each process takes its share of a whole state, so two processes can continue a state that four processes saved.

    Raises
    ------
    ProcessError
        Where another process has ended.

    >>> run = net.run(100*ms)
    >>> rv.save_state(rv.whole_state(net, run.state), "after-100ms.safetensors")
    """
    graph = net.graph
    processes = graph.processes
    if processes is None:
        return state
    return _changed(graph, state, lambda values, shared: _whole(processes, values, shared))


def own_state(graph: Graph, state: State) -> State:
    """``state`` with this process's share of synapses, where it has the values of all."""
    check_form(state)

    def own(values: Tensor, shared: Shared) -> Tensor:
        return shared.of_all(values).contiguous() if values.shape[-1] == shared.places.total else values

    return _changed(graph, state, own)


def _changed(graph: Graph, state: State, change: Callable[[Tensor, Shared], Tensor]) -> State:
    found = {n: graph.projections[n].transform.shared for n in state.synapses if n in graph.projections}
    shares = {n: shared for n, shared in found.items() if shared is not None}
    if not shares:
        return state
    synapses = {
        n: {v: change(x, shares[n]) for v, x in own.items()} if n in shares else own
        for n, own in state.synapses.items()
    }
    return replace(state, synapses=synapses)


def _whole(processes: Processes, values: Tensor, shared: Shared) -> Tensor:
    """Each process tells its values and their places."""
    places = shared.numbers
    widest = max(row[0] for row in processes.wholly([len(places)]))
    out = values.new_empty(*values.shape[:-1], shared.places.total)
    mine, where = values.new_zeros(*values.shape[:-1], widest), places.new_full((widest,), -1)
    mine[..., : len(places)], where[: len(places)] = values, places
    for found, at in zip(processes.gather(mine), processes.gather(where), strict=True):
        count = int((at >= 0).sum())
        out[..., at[:count]] = found[..., :count]
    return out
