"""Emissions of the sources of a simulation, block by block: arrays, or lists of spikes where a circuit takes them so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.tasks import CircuitDrive, Spikes
from ranvier.network.plan.drives import drawn_inside
from ranvier.network.plan.plan import Plan
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Emitted"]


class Emitted:
    """The sources of a graph under a plan; the spikes of some are ``recorded``.

    Nobody needs the arrays of those ``inside``: circuits draw them, or take their spikes as lists.
    """

    def __init__(self, graph: Graph, plan: Plan, drives: Mapping[str, CircuitDrive], recorded: Collection[str]) -> None:
        self.graph, self.recorded = graph, [n for n in graph.sources if n in recorded]
        self.listed = _listed(graph, plan)
        drawn = {n for n in plan.sent if graph.sources[graph.projections[n].pre].drawn_in_steps}
        self.inside = drawn_inside(graph, {*drives, *drawn}) | self.listed
        self.depths = graph.depths() if graph.sources else {}

    def arrays(self, state: State, count: int) -> dict[str, torch.Tensor]:
        """Emissions of the ``count`` steps after ``state``; of those inside, as many last steps as are still in flight."""
        out = {}
        for n, source in self.graph.sources.items():
            kept = min(count, self.depths.get(n, 0)) if n in self.inside else count
            out[n] = source.emissions(state.step + count - kept, kept, self.graph, state.stream)
        return out

    def lists(self, state: State, count: int) -> dict[str, Spikes]:
        """Spikes of the sources that circuits take as lists."""
        return {n: self._list(n, state, count) for n in self.listed}

    def spikes(self, lists: Mapping[str, Spikes], state: State, count: int) -> dict[str, Spikes]:
        """Spikes of the sources that are recorded, some of them among ``lists``."""
        return {n: lists[n] if n in lists else self._list(n, state, count) for n in self.recorded}

    def _list(self, name: str, state: State, count: int) -> Spikes:
        """The spikes of a source in the ``count`` steps after ``state``."""
        return self.graph.sources[name].listed(state.step, count, self.graph, state.stream)


def _listed(graph: Graph, plan: Plan) -> set[str]:
    """Sources of single spikes whose every projection has plastic synapses inside a circuit."""
    inside = {n for part in plan.circuits for n in part}
    readers = {n: [p for p in graph.projections.values() if p.pre == n] for n in graph.sources}
    return {
        n for n, found in readers.items()
        if found and all(p.plasticity and p.post in inside for p in found) and graph.sources[n].fires_once(graph.dt)
    }  # fmt: skip
