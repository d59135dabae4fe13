"""The parts of a chain in their order, and runs of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.parts.projection import Projection

__all__ = ["Joint", "Place", "joints_between", "joints_of", "ordered", "placed", "places"]


class Place(NamedTuple):
    """A transform, number ``k`` of the projection ``owner``, or the population ``owner`` where ``k`` is None."""

    owner: str
    k: int | None
    part: Any


class Joint(NamedTuple):
    """A projection like ``of`` through ``modules``; ``pre`` None is what comes before all parts, ``post`` None what follows them."""

    of: Projection
    pre: str | None
    post: str | None
    modules: tuple[nn.Module, ...]

    @property
    def cut(self) -> bool:
        """Whether it begins behind the first transform, with which a delay has passed."""
        return len(self.of.chain) > 0 and (not self.modules or self.modules[0] is not self.of.chain[0])


def ordered(graph: Graph) -> list[str]:
    """Names of projections in their order, each population and relay behind the last one onto it, or else at the end."""
    last = {p.post: n for n, p in graph.projections.items()}
    found = [m for n, p in graph.projections.items() for m in ((n, p.post) if last[p.post] == n else (n,))]
    return [*found, *(n for n in (*graph.populations, *graph.relays) if n not in last)]


def places(graph: Graph) -> list[Place]:
    """Transforms and populations in order. Relays, which hold nothing, have no place; nor has the transform of ``Recurrent``."""
    return [place for place in _every(graph) if place.owner not in graph.relays]


def placed(graph: Graph, index: int) -> Place:
    """The place number ``index``, counted from the end where it is negative."""
    found = places(graph)
    if not -len(found) <= index < len(found):
        raise GraphError(f"there is no part number {index}: the network has {len(found)} parts.")
    return found[index]


def _every(graph: Graph) -> Iterator[Place]:
    forward = {n: p for n, p in graph.projections.items() if p.pre != p.post}
    last = {p.post: n for n, p in forward.items()}
    for n, p in forward.items():
        yield from (Place(n, k, module) for k, module in enumerate(p.chain))
        if last[p.post] == n:
            yield Place(
                p.post, None, graph.populations[p.post] if p.post in graph.populations else graph.relays[p.post]
            )


def joints_of(graph: Graph) -> list[Joint]:
    """All projections of a network with one input; a relay at its end, which only collects the output, is left out.

    Raises
    ------
    GraphError
        Where it has other inputs or outputs, sources or plastic synapses.
    """
    plastic = [n for n, p in graph.projections.items() if p.plasticity is not None]
    odd = [*graph.sources, *plastic]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or odd:
        what = f"{odd[0]!r}" if odd else f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
        raise GraphError(
            f"a network inside another must have one input, one output, no sources and no plastic synapses, but this one has {what}: "
            f"give its parts to one rv.Network."
        )
    (entrance,), (end,) = graph.inputs, graph.outputs
    onto = [p for p in graph.projections.values() if p.post == end]
    open_end = end in graph.relays and len(onto) == 1 and not onto[0].lag and onto[0].latency_table is None
    return [
        Joint(p, None if p.pre == entrance else p.pre, None if open_end and p.post == end else p.post, tuple(p.chain))
        for p in sorted(graph.projections.values(), key=lambda p: open_end and p.post == end)
    ]


def joints_between(graph: Graph, first: int, last: int) -> list[Joint]:
    """The projections among the places from number ``first`` to before ``last``, into them and out of them.

    Raises
    ------
    GraphError
        If the parts have several beginnings or ends, as when a residual branch is cut.
    """
    every = list(_every(graph))
    counted = [i for i, place in enumerate(every) if place.owner not in graph.relays]
    if first >= last:
        raise GraphError("a network needs at least one part: the slice is empty.")
    end = counted[last] if last < len(counted) else len(every)
    kept = every[counted[first] : end]
    while last < len(counted) and kept[-1].owner in graph.relays and _onto(graph, kept[-1].owner) < 2:
        del kept[-1]  # it opens what follows; one with several ways onto it closes what comes before
    nodes = {place.owner for place in kept if place.k is None}
    inner, tails, ends = [], [], {*nodes}
    entrances: set[tuple[str, bool]] = set()
    for p in graph.projections.values():
        if p.pre == p.post:
            if p.pre in nodes:
                inner.append(Joint(p, p.pre, p.post, tuple(p.chain)))
            continue
        modules = tuple(module for owner, k, module in kept if owner == p.name and k is not None)
        within = p.pre in nodes
        if p.post not in nodes and not modules:
            continue
        if not within:
            entrances.add((p.pre, len(modules) < len(p.chain) and p.post in nodes))
        ends.discard(p.pre)
        joint = Joint(p, p.pre if within else None, p.post if p.post in nodes else None, modules)
        (inner if joint.post else tails).append(joint)
    out = [p.pre for p in graph.projections.values() if p.pre in nodes and p.post not in nodes]
    lost = len(out) > 1 if tails else not ends.issuperset(out)
    if len(entrances) > 1 or len(ends) + len(tails) != 1 or lost:
        raise GraphError(f"parts {first} to {last - 1} have several beginnings or ends: do not cut a Residual.")
    return [*inner, *tails]


def _onto(graph: Graph, name: str) -> int:
    """How many projections there are onto a part."""
    return sum(p.post == name for p in graph.projections.values())
