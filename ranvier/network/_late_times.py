"""Uses of the growing time in float32: beside a state that holds a time, and in code of synapses."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import sympy as sp
import torch

from ranvier.dynamics import TIME, Step
from ranvier.errors import RanvierWarning
from ranvier.units import UNITS

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["warn_of_late_times"]

#: from this step on a float32 holds the time to no better than an eighth of a step
_LATE = 1 << 20
_DURATION = UNITS["ms"].dimension


def warn_of_late_times(net: Network, last: int) -> None:
    """Warn, once per network, of equations that lose digits of the time in a run up to step ``last``."""
    if last <= _LATE or net.dtype == torch.float64:
        return
    reading = [f"projection {n!r}" for n, p in net.projections.items() if p.plasticity and _read_in_synapses(p.bound)]
    for n, p in net.populations.items():
        system, step = p.cell.system, p.step(net.kicks(n))
        if any(system.dimensions[x] == _DURATION for x in (*system.states, *system.inputs)) and _grows(step):
            reading.append(f"population {n!r}")
    for where in reading:
        sentence = (
            f"{where} compares or combines the time t with values in float32, which holds it to no better than an eighth of "
            f"a step from step {_LATE:,} on: use a network with dtype=torch.float64, or a shorter run."
        )
        if sentence not in net._said:
            net._said.add(sentence)
            warnings.warn(sentence, RanvierWarning, stacklevel=5)


def _read_in_synapses(bound) -> bool:
    programs = (*bound.codes.values(), bound.step.program.only(bound.system.states))
    return any(TIME in program.reads for program in programs)


def _grows(step: Step) -> bool:
    """Whether a value that grows with the time (itself, a multiple, a difference) enters the lanes."""
    known = {s.target: s.expression for s in step.clock.statements}
    for e in step.clock.outputs.values():
        e = known.get(e, e)
        if isinstance(e, sp.Symbol | sp.Add | sp.Mul):
            return True
    return False
