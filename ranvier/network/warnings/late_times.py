"""Variables of cells and synapses that grow with the time and are kept in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ranvier._warn import warn
from ranvier.dynamics import TIME, assigned_times, growing

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.synapses import BoundPlasticity

__all__ = ["warn_of_late_times"]

#: from this step on a float32 holds the time to no better than an eighth of a step
_LATE = 1 << 20


def warn_of_late_times(graph: Graph, last: int) -> None:
    """Warn, once per network, of equations that lose digits of the time in a run up to step ``last``.

    The parts of the last plan are examined once.
    """
    memo = graph.memo
    if last <= _LATE or graph.dtype == torch.float64 or memo.late is memo.parts:
        return
    memo.late = memo.parts
    said = [
        f"{v!r} of projection {n!r} grows with the time t in float32, whose rounding is an eighth of a step from step "
        f"{_LATE:,} on: give the variable the unit ms (a time is kept in float64), or use a network with dtype=torch.float64."
        for n, p in graph.projections.items()
        if p.plasticity
        for v in _late(p.bound)
    ]
    said += [
        f"{v!r} of population {n!r} is set to a value that grows with the time t in float32, whose rounding is an eighth of "
        f"a step from step {_LATE:,} on: give the variable the unit ms (a time is kept in float64), or use a network with "
        f"dtype=torch.float64."
        for n in graph.populations
        for v in sorted(assigned_times(graph.step(n)))
    ]
    for sentence in said:
        if memo.new(sentence):
            warn(sentence)


def _late(bound: BoundPlasticity) -> list[str]:
    """Variables of a synapse (or what it delivers) that grow with the time and are not kept in float64."""
    programs = (*bound.codes.values(), bound.step.program.only(bound.own), bound.moved_together)
    found = {n for program in programs for n in growing(program, (TIME, *bound.times, *bound.end_times))}
    return sorted(found - {*bound.times})
