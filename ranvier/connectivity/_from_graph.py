"""Synapses from a NetworkX graph."""

from __future__ import annotations

from typing import Any

import networkx as nx

from ranvier.connectivity._connectivity import ConnectivityError
from ranvier.connectivity._from_edges import FromEdges

__all__ = ["FromGraph"]


class FromGraph(FromEdges):
    """One synapse per edge of a NetworkX graph; an undirected edge is two synapses.

    Cells follow the order of the graph's nodes (``rule.nodes``). The edge attributes called ``weight`` and ``delay`` are
    carried where every edge has them.

    >>> import networkx as nx
    >>> rule = rv.FromGraph(nx.watts_strogatz_graph(100, 6, 0.1))
    >>> names = net.connect("cells", "cells", rule, to="v", weight=0.2*mV)
    """

    def __init__(self, graph: Any, *, weight: str = "weight", delay: str = "delay") -> None:
        if not isinstance(graph, nx.Graph):
            raise ConnectivityError(f"FromGraph takes a NetworkX graph, got {type(graph).__name__}.")
        edges = list((graph if graph.is_directed() else graph.to_directed()).edges(data=True))
        names = [name for name in (weight, delay) if self._everywhere(edges, name)]
        if names == [delay] and weight != delay:
            edges = [(a, b, {**data, weight: 1.0}) for a, b, data in edges]
            names = [weight, delay]
        super().__init__([(a, b, *(data[name] for name in names)) for a, b, data in edges], list(graph.nodes))

    @staticmethod
    def _everywhere(edges: list[tuple[Any, Any, dict[str, Any]]], name: str) -> bool:
        having = sum(name in data for _, _, data in edges)
        if 0 < having < len(edges):
            raise ConnectivityError(
                f"FromGraph: {having} of {len(edges)} edges have the attribute {name!r}; give it to all or to none."
            )
        return having > 0
