"""The order in which parts of a network can be run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx

from ranvier.errors import RanvierError

__all__ = ["Edge", "GraphError", "Part", "arrange"]


class GraphError(RanvierError, ValueError):
    """Populations and projections that cannot form a network."""


class Edge(NamedTuple):
    """A projection as the graph sees it; ``shortest`` is its smallest latency in steps."""

    name: str
    pre: str
    post: str
    shortest: int


@dataclass(frozen=True)
class Part:
    """Populations that run together: one alone, or all of a cycle in windows of ``window`` steps."""

    members: tuple[str, ...]
    cyclic: bool
    window: int | None


def arrange(nodes: Iterable[str], edges: Iterable[Edge]) -> tuple[Part, ...]:
    """Strongly connected parts in topological order; within a cycle the order of its same-step edges.

    Raises
    ------
    GraphError
        Where a cycle has no latency of at least one step: it would need its own result.
    """
    edges = list(edges)
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((e.pre, e.post) for e in edges)
    rank = {n: k for k, n in enumerate(graph.nodes)}
    condensed = nx.condensation(graph)
    members: Mapping[int, set[str]] = {c: condensed.nodes[c]["members"] for c in condensed.nodes}
    order = nx.lexicographical_topological_sort(condensed, key=lambda c: min(rank[m] for m in members[c]))
    parts = []
    for component in order:
        inside = [e for e in edges if e.pre in members[component] and e.post in members[component]]
        if not inside:
            parts.append(Part(tuple(members[component]), False, None))
            continue
        instant = nx.DiGraph()
        instant.add_nodes_from(sorted(members[component], key=rank.__getitem__))
        instant.add_edges_from((e.pre, e.post) for e in inside if e.shortest == 0)
        try:
            ordered = tuple(nx.lexicographical_topological_sort(instant, key=rank.__getitem__))
        except nx.NetworkXUnfeasible:
            loop = " -> ".join([pair[0] for pair in nx.find_cycle(instant)] + [nx.find_cycle(instant)[0][0]])
            raise GraphError(
                f"the cycle {loop} has no delay, so a spike would have to arrive before it is fired: give one of its projections a delay of at least one step."
            ) from None
        window = min(e.shortest for e in inside if e.shortest > 0)
        parts.append(Part(ordered, True, window))
    return tuple(parts)
