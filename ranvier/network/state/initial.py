"""The state from which a network starts."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ranvier.errors import ShapeError
from ranvier.network.checks import check_dtype, check_ends
from ranvier.network.forecast import check_state_size
from ranvier.network.graph import Graph
from ranvier.network.plastic.synapses import initial_synapses
from ranvier.network.shapes import unknown_shape
from ranvier.network.state.state import State, stream_of

__all__ = ["initial_state"]


def initial_state(
    graph: Graph, batch: int = 1, stream: int | None = None, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> State:  # fmt: skip
    """A fresh state; see :meth:`Network.initial_state`."""
    check_dtype(graph)
    check_ends(graph)
    shapes = {**{n: s for n in graph.nodes if (s := graph.shape_of(n)) is not None}, **(shapes or {})}
    unknown = [n for n in graph.nodes if n not in shapes]
    if unknown:
        raise unknown_shape(unknown[0])
    if batch < 1:
        raise ShapeError(f"batch={batch!r} must be at least 1.")
    dtype, device = graph.dtype, graph.device
    check_state_size(graph, batch, shapes, depths := graph.depths())
    stream = stream_of(stream)
    variables = {n: p.initial(batch, shapes[n], dtype, device, stream) for n, p in graph.populations.items()}
    history = {n: torch.zeros(d, batch, *shapes[n], dtype=dtype, device=device) for n, d in depths.items()}
    synapses = {n: initial_synapses(p, batch, graph.seed, stream) for n, p in graph.projections.items() if p.plasticity}
    return State(0, variables, history, synapses, stream, graph.dt, graph.times)
