"""Which stimuli a circuit draws by itself, step by step, rather than being handed as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ranvier.kernels.tasks import CircuitDrive
from ranvier.network.plan.plan import Plan

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["drawable", "drawn_inside", "drive_with", "drives"]


def drawable(graph: Graph) -> frozenset[str]:
    """Projections of sources of one Poisson law, joined one to one with one latency; one for each stream of a cell."""
    out: dict[tuple[str, str], str] = {}
    for name, p in graph.projections.items():
        source = graph.sources.get(p.pre)
        if source is None or not source.one_law or (p.post, p.port) in out:
            continue
        if not p.plasticity and not p.per_synapse and len(p.chain) == 1 and p.transform.one_to_one:
            out[p.post, p.port] = name
    return frozenset(out.values())


def drives(graph: Graph, plan: Plan) -> dict[str, CircuitDrive]:
    """The input that circuits draw themselves, by projection."""
    out: dict[str, CircuitDrive] = {}
    for name, p in graph.projections.items():
        if name not in plan.drawn:
            continue
        source = graph.sources[p.pre]
        stream = graph.step(p.post).stream_of(p.port)
        out[name] = CircuitDrive(
            stream, source.law(graph.dt), source.key(graph, 0), p.transform.shared_weight(), p.latency
        )
    return out


def drive_with(graph: Graph, found: CircuitDrive, source: str, stream: int) -> CircuitDrive:
    """What :func:`drives` ``found`` for ``source``, in a call that draws from ``stream``."""
    return replace(found, key=graph.sources[source].key(graph, stream))


def drawn_inside(graph: Graph, found: Mapping[str, CircuitDrive]) -> set[str]:
    """Sources all of whose projections are drawn inside circuits: nobody needs their arrays."""
    users = {n: [q for q, p in graph.projections.items() if p.pre == n] for n in graph.sources}
    return {n for n, names in users.items() if names and all(q in found for q in names)}
