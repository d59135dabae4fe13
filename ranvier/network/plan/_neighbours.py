"""Neighbouring parts that run together as one operation, so that what they exchange stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ranvier.network.order import Part
from ranvier.network.parts.projection import Projection

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["chains", "is_plain", "is_single", "joins"]

#: synapses of a cycle up to which it joins its neighbours; products around a larger one are for several threads
_FEW = 1 << 12


def is_plain(p: Projection) -> bool:
    """Whether a projection is a dense matrix with one fixed latency."""
    return p.matrix_operand is not None


def is_single(p: Projection) -> bool:
    """Whether a projection is single synapses with one fixed latency and a gradient."""
    if len(p.chain.operands) != 1 or p.per_synapse or p.plasticity is not None:
        return False
    only = p.chain.operands[0].map
    return only.event_path and only.differentiable and not only.is_matrix


def joins(graph: Graph, part: Part, before: Sequence[str], spread: frozenset[str]) -> bool:
    """Whether ``part`` can run in one operation with the populations ``before`` it, or begin one where there are none.

    An operation takes cells in a row, none of those ``spread``, that have variables.
    """
    if any(n not in graph.populations or n in spread or not _has_variables(graph, n) for n in part.members):
        return False
    incoming = [p for p in graph.projections.values() if p.post in part.members]
    inside = [p for p in incoming if p.pre in before or p.pre in part.members]
    fired = all(graph.populations[p.pre].cell.emit == "spike" and (is_plain(p) or _returns(p, part)) for p in inside)
    linked = not before or any(p.pre in before for p in inside)
    return fired and linked and not any(p.plasticity for p in incoming)


def _returns(p: Projection, part: Part) -> bool:
    """Whether a projection is a few single synapses inside a cycle."""
    if p.pre not in part.members or not is_single(p):
        return False
    pattern = p.transform.pattern()
    return pattern is not None and pattern.synapses <= _FEW


def _has_variables(graph: Graph, name: str) -> bool:
    system = graph.populations[name].cell.system
    return bool(system.states or system.refractory)


def chains(
    parts: Sequence[Part], apart: frozenset[tuple[str, ...]], join: Callable[[Part, Sequence[str]], bool]
) -> tuple[tuple[int, int], ...]:
    """Ranges of ``parts`` to run together; cycles in ``apart`` have ways of their own."""
    out, first = [], 0
    while first < len(parts):
        last, members = first, ()
        while last < len(parts) and parts[last].members not in apart and join(parts[last], members):
            members += parts[last].members
            last += 1
        if last - first > 1:
            out.append((first, last))
        first = max(last, first + 1)
    return tuple(out)
