"""Stimuli that a circuit takes as lists of spikes, rather than as arrays of steps times cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from ranvier.kernels.tasks import Spikes
from ranvier.network.plan.plan import Plan

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["listed_sources", "spike_list"]


def listed_sources(graph: Graph, plan: Plan) -> set[str]:
    """Sources of single spikes whose every projection has plastic synapses inside a circuit."""
    inside = {n for part in plan.circuits for n in part}
    readers = {n: [p for p in graph.projections.values() if p.pre == n] for n in graph.sources}
    return {
        n for n, found in readers.items()
        if graph.sources[n].single and found and all(p.plasticity and p.post in inside for p in found)
    }  # fmt: skip


def spike_list(graph: Graph, name: str, first: int, count: int, stream: int) -> Spikes:
    """The spikes of ``stream`` in steps first, first + 1, … of a source, in order of step and cell; some may fall together."""
    source = graph.sources[name]
    size = math.prod(source.shape)
    step, cell = source.spikes(first, count, graph, stream)
    place = np.sort((step - first) * size + cell)
    bounds = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(place // size, minlength=count), out=bounds[1:])
    return Spikes(torch.from_numpy((place % size).astype(np.int32)), torch.from_numpy(bounds))
