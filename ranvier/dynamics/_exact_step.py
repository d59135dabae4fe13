"""Steps of cells with variables that hold a time: they are float64 whatever the dtype of the network."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from ranvier.dynamics._clock import TIME, exact_times
from ranvier.dynamics._growth import growing
from ranvier.dynamics._step import Step
from ranvier.dynamics._system import System
from ranvier.dynamics.program import Program, Statement
from ranvier.dynamics.symbols import before_name, output_name
from ranvier.units import UNITS

__all__ = ["assigned_times", "exact_step"]

_DURATION = UNITS["ms"].dimension


def exact_step(step: Step) -> Step:
    """The same step with ``exact`` names, and comparisons of times that rounding cannot move.

    ``step`` has its clock apart (:func:`time_apart`). Its states in ms hold a time. So does a subexpression in ms that
    grows with the time, and the step is exact as well where an input in ms meets a growing stream.
    """
    of, held = step.system.dimensions.get, set(step.system.times)
    if not held and not step.clock.outputs:
        return step
    moving = growing(step.clock, (TIME,))
    shown = {output_name(n) for n in _shown(step.system) if of(n) == _DURATION}
    met = moving and any(of(n) == _DURATION for n in step.system.inputs)
    if not (held or shown or met):
        return step
    names = {*held, *map(output_name, held), *map(before_name, held), *shown, *moving}
    return replace(step, program=exact_times(step.program, (*held, *moving)), exact=frozenset(names))


def assigned_times(step: Step) -> frozenset[str]:
    """States that a reset sets to a value that grows with the time, and that are not kept exact."""
    whole = _whole(step)
    resets = {str(s.target): s.resets for s in whole.statements if s.resets is not None}
    program = Program(whole.statements, {n: sp.Symbol(n) for n in resets})
    held = [n for n in step.states if n in step.exact]
    return frozenset(resets[n] for n in growing(program, (TIME, *held))) - step.exact


def _shown(system: System) -> frozenset[str]:
    """Subexpressions that grow with the time, other states than times left as they are."""
    named = tuple(Statement(sp.Symbol(n), e) for n, e in system.named.items())
    program = Program(named, {n: system.written(e) for n, e in system.subexpressions.items()})
    return growing(program, (TIME, *system.times))


def _whole(step: Step) -> Program:
    """The program with its clock inside."""
    streams = tuple(Statement(sp.Symbol(n), e) for n, e in step.clock.outputs.items() if n != TIME)
    return Program((*step.clock.statements, *streams, *step.program.statements), step.program.outputs)
