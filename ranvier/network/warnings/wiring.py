"""Parts of a circuit that cannot affect each other: most often a mistake, so a warning names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._warn import warn
from ranvier.units.steps import nearest_steps

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["warn_of_wiring"]


def warn_of_wiring(graph: Graph) -> None:
    """Warn of projections without synapses, of parts that nothing joins to the rest, and of refractory periods that round
    to none, once per network; a network that has got no new part since the last time has no new trouble."""
    parts = (*graph.populations, *graph.sources, *graph.projections)
    if parts == graph.memo.wired:
        return
    graph.memo.wired = parts
    for sentence in wiring_troubles(graph):
        if graph.memo.new(sentence):
            warn(sentence)


def wiring_troubles(graph: Graph) -> list[str]:
    """Every trouble as a sentence."""
    out = []
    for n, p in graph.projections.items():
        if any(part.empty for part in p.chain.transforms):
            out.append(f"projection {n!r} has no synapses: raise the probability or degree of its rule, or remove it.")
    for n, p in graph.populations.items():
        lasting = p.values().get("refractory")
        if lasting is not None and (longest := float(lasting.detach().max())) > 0 == nearest_steps(longest, graph.dt):
            out.append(
                f"population {n!r}: a refractory period of {longest:g} ms is less than half a step of {graph.dt:g} ms and "
                f"rounds to none: give a smaller dt, or leave it out."
            )
    if not graph.projections:
        return out
    joined = {end for p in graph.projections.values() for end in (p.pre, p.post)}
    for n in (*graph.populations, *graph.sources):
        if n not in joined:
            what = "population" if n in graph.populations else "source"
            out.append(f"{what} {n!r} is disconnected: nothing joins it to the rest; connect it, or remove it.")
    return out
