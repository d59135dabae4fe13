"""A rule of plasticity as programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ranvier.dynamics._clock import TIME
from ranvier.dynamics._step import Step
from ranvier.dynamics._system import System
from ranvier.dynamics.limits import Limit, limits_around
from ranvier.dynamics.plasticity._domain import Domain
from ranvier.dynamics.program import Program
from ranvier.dynamics.symbols import Symbol
from ranvier.units import UNITS

__all__ = ["LoweredRule", "common_name", "end_times"]

_DURATION = UNITS["ms"].dimension


@dataclass(frozen=True)
class LoweredRule:
    """A rule fitted to a port and two cells: the step that advances its variables, and its code as programs.

    ``codes`` are those of ``on_pre``, ``on_post`` and ``every_step`` that there are. ``ends`` are the variables of both
    cells by the names under which the code may read them. ``varied`` are the parameters with a value for each synapse.

    ``shared`` are the variables that the members of a domain have instead of synapses. What the code gives for one of
    them is what a synapse adds; ``together`` is the step that advances them, whose coefficients go by
    :func:`common_name` (None without any).
    """

    system: System
    step: Step
    codes: Mapping[str, Program]
    ends: Mapping[str, Symbol]
    varied: frozenset[str]
    shared: Mapping[str, Domain]
    together: Step | None

    @property
    def variables(self) -> tuple[str, ...]:
        """The weight, then all variables."""
        return ("w", *self.system.states)

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The variables of which each synapse has its own value."""
        return tuple(n for n in self.system.states if n not in self.shared)

    @cached_property
    def domains(self) -> Mapping[Domain, tuple[str, ...]]:
        """The variables of each domain."""
        return {d: tuple(n for n, other in self.shared.items() if other == d) for d in self.shared.values()}

    @cached_property
    def moved_together(self) -> Program:
        """The next value of every shared variable."""
        if self.together is None:
            return Program((), {})
        names = {sp.Symbol(n): sp.Symbol(common_name(n)) for n in self.together.coefficients}
        return self.together.program.only(self.shared).replaced(names)

    @property
    def times(self) -> tuple[str, ...]:
        """Variables that hold a time, float64 in networks of any dtype."""
        return self.system.times

    @cached_property
    def end_times(self) -> tuple[str, ...]:
        """Variables of the cells that hold a time, by the names under which the code reads them."""
        return end_times(self.ends)

    @cached_property
    def timed(self) -> bool:
        """Whether the rule reads the time or variables that hold one, so that its arithmetic is float64."""
        programs = (*self.codes.values(), self.step.program.only(self.own), self.moved_together)
        return any({TIME, *self.times, *self.end_times} & {*program.reads} for program in programs)

    def sends(self, code: str) -> bool:
        """Whether a piece of code assigns the delivered value."""
        return code in self.codes and "sent" in self.codes[code].outputs

    @property
    def by_spike(self) -> bool:
        """Whether anything happens when the presynaptic cell fires."""
        return "on_pre" in self.codes or not self.sends("every_step")

    def limits(self, variable: str) -> tuple[Limit, ...]:
        """Every limit, made of numbers and parameters, that a piece of code puts a variable into."""
        parameters = {sp.Symbol(n) for n in self.system.parameters}
        found: dict[Limit, None] = {}
        for program in self.codes.values():
            if variable in program.outputs:
                known: dict[sp.Basic, sp.Expr] = {s.target: s.expression for s in program.statements}
                value = program.outputs[variable]
                found |= dict.fromkeys(limits_around(value, lambda e: e.free_symbols <= parameters, known)[0])
        return tuple(found)

    def reads(self, end: str, *codes: str) -> tuple[str, ...]:
        """Variables of the cell at ``end`` (pre or post) that the rule, or some of its code, reads."""
        programs = [self.codes[c] for c in codes if c in self.codes] if codes else self.codes.values()
        used = {n for program in programs for n in program.reads}
        if not codes:
            used |= set(self.step.program.only(self.own).reads)
        found = (self.ends[n] for n in used if n in self.ends)
        return tuple(sorted(s.of for s in found if s.domain == end))


def common_name(coefficient: str) -> str:
    """The name of a coefficient in programs for shared variables; users cannot define such a name."""
    return f"{coefficient}:shared"


def end_times(ends: Mapping[str, Symbol]) -> tuple[str, ...]:
    """The variables of the cells that hold a time."""
    return tuple(n for n, s in ends.items() if s.dimension == _DURATION)
