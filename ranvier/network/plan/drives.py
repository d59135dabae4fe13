"""Which stimuli a circuit draws by itself, step by step, rather than being handed as arrays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.tasks import CircuitDrive
from ranvier.network.plan.plan import Plan

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.run.window import Window

__all__ = ["drawable", "drawn_inside", "drive_with", "drives"]


def drawable(graph: Graph) -> frozenset[str]:
    """Projections of sources of counts, joined one to one with one latency."""
    drawn = {n: source.drawn_in_steps for n, source in graph.sources.items()}
    return frozenset(
        n for n, p in graph.projections.items()
        if drawn.get(p.pre) and not p.plasticity and not p.per_synapse and len(p.chain) == 1 and p.transform.one_to_one
    )  # fmt: skip


def drives(graph: Graph, plan: Plan) -> dict[str, CircuitDrive]:
    """The input that circuits draw themselves, by projection; a law that varies in time waits for :func:`drive_with`."""
    out: dict[str, CircuitDrive] = {}
    for name, p in graph.projections.items():
        if name not in plan.drawn:
            continue
        stream, found = graph.step(p.post).stream_of(p.port), graph.sources[p.pre].counted(graph)
        if found is not None:
            before = torch.zeros(0, *graph.sources[p.pre].shape, dtype=graph.dtype)
            out[name] = CircuitDrive(stream, found.law, found.key, p.transform.shared_weight(), p.latency, before)
    return out


def drive_with(graph: Graph, found: CircuitDrive, source: str, window: Window) -> CircuitDrive:
    """What :func:`drives` ``found`` for ``source``, in a window: the history says what was emitted before it."""
    drawn, stream, latency = graph.sources[source], window.state.stream, found.latency
    key = (*found.key[:2], drawn.stream_for(stream))
    before = window.history[source][-latency:, 0] if latency else found.before
    if drawn.steady:
        return replace(found, key=key, before=before)
    known = drawn.counted(graph, window.start, max(window.count - latency, 0), stream)
    return replace(found, key=key, before=before, law=found.law if known is None else known.law)


def drawn_inside(graph: Graph, found: Collection[str]) -> set[str]:
    """Sources all of whose projections are among ``found``, drawn inside circuits: nobody needs their arrays."""
    users = {n: [q for q, p in graph.projections.items() if p.pre == n] for n in graph.sources}
    return {n for n, names in users.items() if names and all(q in found for q in names)}
