"""The state from which calls of one shape begin where they are given none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from ranvier.network.shapes import shapes_from
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State, stream_of

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Starts"]


class Starts:
    """Fresh states for a batch; ``same`` is the one of every call, None where they differ: they are drawn, learnt or computed."""

    def __init__(self, graph: Graph, batch: int, inputs: Mapping[str, torch.Tensor]) -> None:
        self._graph, self._batch, self._shapes = graph, batch, shapes_from(graph, inputs)
        self.same = None
        if not any(p.starts_follow for p in graph.populations.values()):
            one, other = (initial_state(graph, batch, stream, self._shapes) for stream in (0, 1))
            pairs = zip(one.tensors().values(), other.tensors().values(), strict=True)
            self.same = one if all(torch.equal(a, b) for a, b in pairs) else None

    def state(self, stream: int | None) -> State:
        """A state of its own."""
        if self.same is None:
            return initial_state(self._graph, self._batch, stream, self._shapes)
        return self.same.clone().with_stream(stream_of(stream))

    def read(self, stream: int | None) -> State:
        """A state that is only read: with the tensors of every call, where there is no more in it than the variables of cells."""
        same = self.same
        if same is None or same.history or same.synapses:
            return self.state(stream)
        return same.with_stream(stream_of(stream))
