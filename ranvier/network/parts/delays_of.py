"""The delays of a projection, as times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ranvier._nearest import meant
from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["delays_of"]


def delays_of(graph: Graph, name: str) -> torch.Tensor:
    """Delays in ms; see :meth:`Network.delays`."""
    if name not in graph.projections:
        raise GraphError(
            f"there is no projection {name!r}: there are {', '.join(graph.projections) or 'none'}.{meant(name, graph.projections)}"
        )
    p = graph.projections[name]
    signal = p.pre in graph.sources and graph.sources[p.pre].lag == 0
    first = 0 if signal else min(p.lag, 1)  # a spike arrives a step later where it was joined by `connect`
    return p.bound_transform.times(first)
