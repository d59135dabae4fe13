"""Small directed graphs, ``{node: the nodes after it}``: their cycles, and an order along their edges.

Every start uses them, and importing a graph library would take longer than walking all of these graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from typing import Any, TypeVar

__all__ = ["components", "ordered", "reachable"]

Node = TypeVar("Node", bound=Hashable)
Graph = Mapping[Node, Collection[Node]]


def reachable(graph: Graph[Node], start: Node) -> set[Node]:
    """``start`` and whatever can be reached from it."""
    return set(_left(graph, [start], set()))


def components(graph: Graph[Node]) -> list[list[Node]]:
    """The strongly connected parts (Kosaraju's two walks): parts, and nodes in them, in the order of the graph."""
    before: dict[Node, list[Node]] = {n: [] for n in graph}
    for node, after in graph.items():
        for other in after:
            before[other].append(node)
    seen: set[Node] = set()
    part_of = {
        node: root for root in reversed(_left(graph, graph, set())) if root not in seen for node in _left(before, [root], seen)
    }  # fmt: skip
    parts: dict[Node, list[Node]] = {}
    for node in graph:
        parts.setdefault(part_of[node], []).append(node)
    return list(parts.values())


def ordered(graph: Graph[Node], key: Callable[[Node], Any]) -> list[Node]:
    """Every node before those after it; where there is a choice, the one with the smallest ``key`` (no two are equal).

    Raises
    ------
    graphlib.CycleError
        Where there is none; ``error.args[1]`` is a cycle, its first node again at its end.
    """
    sorter: TopologicalSorter[Node] = TopologicalSorter()
    for node, after in graph.items():
        sorter.add(node)
        for other in after:
            sorter.add(other, node)
    sorter.prepare()
    out: list[Node] = []
    ready: list[tuple[Any, Node]] = []
    while sorter.is_active():
        for node in sorter.get_ready():
            heappush(ready, (key(node), node))
        out.append(heappop(ready)[1])
        sorter.done(out[-1])
    return out


def _left(graph: Graph[Node], roots: Iterable[Node], seen: set[Node]) -> list[Node]:
    """The nodes outside ``seen`` that a depth-first walk from ``roots`` meets, in the order in which it leaves them."""
    out: list[Node] = []
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        path = [(root, iter(graph[root]))]
        while path:
            node, after = path[-1]
            new = next((n for n in after if n not in seen), None)
            if new is None:
                out.append(node)
                path.pop()
            else:
                seen.add(new)
                path.append((new, iter(graph[new])))
    return out
