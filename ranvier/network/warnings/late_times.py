"""Values that grow with the time in float32: beside a state of a cell that holds a time, and in variables of synapses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ranvier._warn import warn
from ranvier.dynamics import TIME, growing
from ranvier.units import UNITS

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.synapses import BoundPlasticity

__all__ = ["warn_of_late_times"]

#: from this step on a float32 holds the time to no better than an eighth of a step
_LATE = 1 << 20
_DURATION = UNITS["ms"].dimension


def warn_of_late_times(graph: Graph, last: int) -> None:
    """Warn, once per network, of equations that lose digits of the time in a run up to step ``last``."""
    if last <= _LATE or graph.dtype == torch.float64:
        return
    said = [
        f"{v!r} of projection {n!r} grows with the time t in float32, whose rounding is an eighth of a step from step "
        f"{_LATE:,} on: give the variable the unit ms (a time is kept in float64), or use a network with dtype=torch.float64."
        for n, p in graph.projections.items()
        if p.plasticity
        for v in _late(p.bound)
    ]
    for n, p in graph.populations.items():
        system, step = p.cell.system, graph.step(n)
        timed = any(system.dimensions[x] == _DURATION for x in (*system.states, *system.inputs))
        if timed and growing(step.clock, (TIME,)):
            said.append(
                f"population {n!r} compares or combines the time t with values in float32, which holds it to no better than an "
                f"eighth of a step from step {_LATE:,} on: use a network with dtype=torch.float64, or a shorter run."
            )
    for sentence in said:
        if graph.memo.new(sentence):
            warn(sentence)


def _late(bound: BoundPlasticity) -> list[str]:
    """Variables of a synapse (or what it delivers) that grow with the time and are not kept in float64."""
    programs = (*bound.codes.values(), bound.step.program.only(bound.system.states))
    found = {n for program in programs for n in growing(program, (TIME, *bound.times))}
    return sorted(found - {*bound.times})
