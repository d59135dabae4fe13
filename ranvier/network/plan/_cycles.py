"""Which way a cycle can be run: each answer is a sentence saying why not, or None."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.network.order import Part
from ranvier.network.parts.projection import Projection

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["no_circuit", "not_fusible"]


def _inside(graph: Graph, part: Part) -> list[Projection]:
    return [p for p in graph.projections.values() if p.pre in part.members and p.post in part.members]


def _plastic(graph: Graph, part: Part) -> list[Projection]:
    return [p for p in graph.projections.values() if p.plasticity and p.post in part.members]


def _not_single(graph: Graph, part: Part) -> str | None:
    for n in part.members:
        if n not in graph.populations:
            return f"{n} is a relay"
        if graph.populations[n].cell.emit != "spike":
            return f"{n} emits {graph.populations[n].cell.emit}, not spikes"
    for p in _inside(graph, part):
        operands = p.chain.operands
        if len(operands) != 1 or (operands[0].map.differentiable and not operands[0].map.event_path):
            return f"{p.name} is neither Linear nor single synapses"
        if p.per_synapse and p.shortest == 0:
            return f"{p.name} mixes same-step and later arrivals"
    return None


def not_fusible(graph: Graph, part: Part) -> str | None:
    """Why a cycle cannot run as one differentiable operation."""
    plastic = _plastic(graph, part)
    if plastic:
        return f"{plastic[0].name} is plastic"
    drawn = [p.name for p in _inside(graph, part) if not p.transform.differentiable]
    return f"{drawn[0]} is procedural and has no gradient" if drawn else _not_single(graph, part)


def no_circuit(graph: Graph, part: Part) -> str | None:
    """Why a cycle cannot run as one compiled circuit."""
    reason = _not_single(graph, part)
    if reason:
        return reason
    for n in part.members:
        shape = graph.populations[n].shape
        if shape is None or len(shape) != 1:
            return f"{n} has shape {shape}, not a number of cells"
    for p in _inside(graph, part):
        first = p.transform
        if first.rows() is None or p.shortest < 1:
            return f"{p.name} is not a set of single synapses"
        if first.delay is not None:
            return f"{p.name} has learnable delays; rounded_delays(net) makes them fixed"
    return None
