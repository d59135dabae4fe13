"""Why cells and projections cannot be part of a compiled circuit or of one operation: each answer is a sentence, or None."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.network.order import Part
from ranvier.network.parts.projection import Projection

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["not_fusible", "not_looped", "not_wired"]


def not_looped(graph: Graph, name: str) -> str | None:
    """Why a circuit cannot hold a population or relay."""
    if name not in graph.populations:
        return f"{name} is a relay"
    shape = graph.populations[name].shape
    return None if shape is not None and len(shape) == 1 else f"{name} has shape {shape}, not a number of cells"


def not_wired(graph: Graph, p: Projection) -> str | None:
    """Why a circuit cannot hold the synapses of a projection."""
    reason = _not_single(p)
    if reason:
        return reason
    first = p.transform
    if first.rows() is None or p.shortest < 1:
        return f"{p.name} is not a set of single synapses"
    if first.delay is not None:
        return f"{p.name} has learnable delays; rounded_delays(net) makes them fixed"
    if not first.differentiable and p.pre in graph.populations and graph.populations[p.pre].emits_numbers:
        return f"{p.name} draws its synapses when a cell fires, but {p.pre} emits {graph.populations[p.pre].cell.emit}"
    return None


def _not_single(p: Projection) -> str | None:
    operands = p.chain.operands
    if len(operands) != 1 or (operands[0].map.differentiable and not operands[0].map.event_path):
        return f"{p.name} is neither Linear nor single synapses"
    if p.per_synapse and p.shortest == 0:
        return f"{p.name} mixes same-step and later arrivals"
    return None


def not_fusible(graph: Graph, part: Part) -> str | None:
    """Why a cycle cannot run as one differentiable operation."""
    onto = [p for p in graph.projections.values() if p.post in part.members]
    inside = [p for p in onto if p.pre in part.members]
    plastic = [p for p in onto if p.plasticity]
    if plastic:
        return f"{plastic[0].name} is plastic"
    drawn = [p.name for p in inside if not p.transform.differentiable]
    if drawn:
        return f"{drawn[0]} is procedural and has no gradient"
    for n in part.members:
        if n not in graph.populations:
            return f"{n} is a relay"
        if graph.populations[n].cell.emit != "spike":
            return f"{n} emits {graph.populations[n].cell.emit}, not spikes"
    return next((reason for p in inside if (reason := _not_single(p))), None)
