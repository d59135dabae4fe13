"""The order in which parts of a network can be run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError
from typing import NamedTuple

from ranvier.dynamics import components, ordered
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
    after: dict[str, set[str]] = {n: set() for n in nodes}
    for e in edges:
        after[e.pre].add(e.post)
    rank = {n: k for k, n in enumerate(after)}
    groups = components(after)
    group_of = {n: k for k, group in enumerate(groups) for n in group}
    between = {k: {group_of[m] for n in group for m in after[n]} - {k} for k, group in enumerate(groups)}
    parts = []
    for k in ordered(between, key=lambda k: k):
        members = groups[k]
        inside = [e for e in edges if group_of[e.pre] == group_of[e.post] == k]
        if not inside:
            parts.append(Part(tuple(members), False, None))
            continue
        instant: dict[str, list[str]] = {n: [] for n in members}
        for e in inside:
            if e.shortest == 0:
                instant[e.pre].append(e.post)
        try:
            in_order = tuple(ordered(instant, key=rank.__getitem__))
        except CycleError as error:
            raise GraphError(
                f"the cycle {' -> '.join(error.args[1])} has no delay, so a spike would have to arrive before it is fired: give one of its projections a delay of at least one step."
            ) from None
        window = min(e.shortest for e in inside if e.shortest > 0)
        parts.append(Part(in_order, True, window))
    return tuple(parts)
