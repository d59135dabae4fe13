"""Small graphs against networkx."""

from __future__ import annotations

from graphlib import CycleError
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.dynamics.graphs import components, ordered, reachable


@st.composite
def graphs(draw: st.DrawFn, cyclic: bool = True) -> dict[str, list[str]]:
    nodes = draw(st.permutations([f"n{k}" for k in range(draw(st.integers(1, 9)))]))
    pairs = st.tuples(st.integers(0, len(nodes) - 1), st.integers(0, len(nodes) - 1))
    graph: dict[str, list[str]] = {n: [] for n in nodes}
    for a, b in draw(st.lists(pairs, max_size=20, unique=True)):
        if cyclic or a != b:
            first, second = (a, b) if cyclic else sorted((a, b))
            graph[nodes[first]].append(nodes[second])
    return graph


def _same(graph: dict[str, list[str]]) -> nx.DiGraph:
    other = nx.DiGraph()
    other.add_nodes_from(graph)
    other.add_edges_from((a, b) for a, after in graph.items() for b in after)
    return other


@given(graphs())
def test_parts_are_strongly_connected(graph: dict[str, list[str]]) -> None:
    found = components(graph)
    assert {frozenset(part) for part in found} == {frozenset(c) for c in nx.strongly_connected_components(_same(graph))}
    rank = {n: k for k, n in enumerate(graph)}
    assert all(part == sorted(part, key=rank.__getitem__) for part in found)
    assert found == sorted(found, key=lambda part: rank[part[0]])


@given(graphs())
def test_what_can_be_reached(graph: dict[str, list[str]]) -> None:
    for node in graph:
        assert reachable(graph, node) == nx.descendants(_same(graph), node) | {node}


@given(graphs(cyclic=False))
def test_the_order_along_the_edges(graph: dict[str, list[str]]) -> None:
    assert ordered(graph, key=lambda n: int(n[1:])) == list(
        nx.lexicographical_topological_sort(_same(graph), key=lambda n: int(n[1:]))
    )


@given(graphs())
def test_a_cycle_is_named(graph: dict[str, list[str]]) -> None:
    if nx.is_directed_acyclic_graph(_same(graph)):
        assert len(ordered(graph, key=str)) == len(graph)
        return
    with pytest.raises(CycleError) as error:
        ordered(graph, key=str)
    cycle = error.value.args[1]
    assert cycle[0] == cycle[-1]
    assert all(b in graph[a] for a, b in pairwise(cycle))


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = {k: [k + 1] for k in range(20_000)} | {20_000: [0]}
    assert components(chain) == [list(range(20_001))]
